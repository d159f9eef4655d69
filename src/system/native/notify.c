/*
 * Tells the service manager something: one datagram to the socket named by NOTIFY_SOCKET (sd_notify(3)). Node has no
 * sockets of this kind. Nothing throws: whatever goes wrong comes back as a number.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <node_api.h>

/* STATUS is the longest that is sent; the manager refuses datagrams beyond a page. */
#define STATE_BYTES_MAX 4096

static napi_value number(napi_env env, int value) {
  napi_value result = NULL;
  napi_create_int32(env, value, &result);
  return result;
}

/* The text of an argument. Returns its length, or a negative errno: -EINVAL for no text, -ENAMETOOLONG when it does not fit. */
static int text(napi_env env, napi_value argument, char *buffer, size_t size) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, argument, NULL, 0, &length) != napi_ok) return -EINVAL;
  if (length >= size) return -ENAMETOOLONG;
  if (napi_get_value_string_utf8(env, argument, buffer, size, &length) != napi_ok) return -EINVAL;
  return (int)length;
}

/* Sends without waiting: while the manager's queue is full the answer is -EAGAIN. */
static int send_state(const struct sockaddr_un *address, socklen_t address_length, const char *state, size_t length) {
  ssize_t sent;
  int fault;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  do {
    sent = sendto(fd, state, length, MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)address, address_length);
  } while (sent < 0 && errno == EINTR);
  fault = sent < 0 ? errno : 0;
  close(fd);
  return -fault;
}

/* send(address: string, state: string): 0, or a negative errno. An address is an absolute path, or `@` and an abstract name. */
static napi_value notify(napi_env env, napi_callback_info info) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char path[sizeof address.sun_path + 1];
  char state[STATE_BYTES_MAX + 1];
  napi_value arguments[2] = {NULL, NULL};
  size_t count = 2;
  int path_length, state_length;

  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok || count < 2) return number(env, -EINVAL);
  path_length = text(env, arguments[0], path, sizeof path);
  if (path_length < 0) return number(env, path_length);
  state_length = text(env, arguments[1], state, sizeof state);
  if (state_length < 0) return number(env, state_length == -ENAMETOOLONG ? -EMSGSIZE : state_length);
  if (path_length < 2 || (path[0] != '/' && path[0] != '@')) return number(env, -EAFNOSUPPORT);
  /* A path ends with a zero byte inside the address, an abstract name does not. */
  if ((size_t)path_length + (path[0] == '/') > sizeof address.sun_path) return number(env, -ENAMETOOLONG);
  memcpy(address.sun_path, path, (size_t)path_length);
  if (path[0] == '@') address.sun_path[0] = '\0';
  return number(env, send_state(&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_length + (path[0] == '/')), state,
                                (size_t)state_length));
}

NAPI_MODULE_INIT() {
  napi_value send = NULL;
  if (napi_create_function(env, "send", NAPI_AUTO_LENGTH, notify, NULL, &send) == napi_ok) {
    napi_set_named_property(env, exports, "send", send);
  }
  return exports;
}
