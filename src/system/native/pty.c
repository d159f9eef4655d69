/*
 * Makes a pseudo-terminal for simulated serial devices: Node can open /dev/ptmx, but neither unlock its other end nor
 * learn its name. Nothing throws: whatever goes wrong comes back as a number.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <node_api.h>

#define NAME_BYTES_MAX 128

static napi_value number(napi_env env, int value) {
  napi_value result = NULL;
  napi_create_int32(env, value, &result);
  return result;
}

/* Opens both ends: the near one does not block, the far one passes bytes as they are and is held, so that it never hangs up. */
static int open_pair(int *near, int *far, char *name) {
  struct termios settings;
  int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return errno;
  *near = fd;
  if (grantpt(fd) != 0 || unlockpt(fd) != 0 || ptsname_r(fd, name, NAME_BYTES_MAX) != 0) return errno;
  *far = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (*far < 0) return errno;
  if (tcgetattr(*far, &settings) != 0) return errno;
  cfmakeraw(&settings);
  return tcsetattr(*far, TCSANOW, &settings) != 0 ? errno : 0;
}

/* open(): { near, far, path }, descriptors of both ends and the name of the far one; or a negative errno. */
static napi_value open_pty(napi_env env, napi_callback_info info) {
  char name[NAME_BYTES_MAX];
  int near = -1, far = -1, fault;
  napi_value result = NULL, path = NULL;

  (void)info;
  fault = open_pair(&near, &far, name);
  if (fault != 0) {
    if (near >= 0) close(near);
    if (far >= 0) close(far);
    return number(env, -fault);
  }
  napi_create_object(env, &result);
  napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &path);
  napi_set_named_property(env, result, "near", number(env, near));
  napi_set_named_property(env, result, "far", number(env, far));
  napi_set_named_property(env, result, "path", path);
  return result;
}

NAPI_MODULE_INIT() {
  napi_value open = NULL;
  napi_create_function(env, "open", NAPI_AUTO_LENGTH, open_pty, NULL, &open);
  napi_set_named_property(env, exports, "open", open);
  return exports;
}
