/*
 * Holds one thread of a process, as a thread that hangs: hold-thread TID. Prints "held" and keeps it until its standard
 * input ends or the process is killed. The others go on.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words) {
  pid_t thread = count == 2 ? (pid_t)atol(words[1]) : 0;
  int status;
  char byte;
  if (thread <= 0) return 2;
  if (ptrace(PTRACE_SEIZE, thread, 0, 0) != 0 || ptrace(PTRACE_INTERRUPT, thread, 0, 0) != 0) {
    perror("ptrace");
    return 1;
  }
  if (waitpid(thread, &status, __WALL) != thread || !WIFSTOPPED(status)) return 1;
  puts("held");
  fflush(stdout);
  /* A thread that has been killed is gone only when whoever holds it has taken note. */
  while (waitpid(thread, &status, __WALL | WNOHANG) == 0) {
    struct pollfd input = {.fd = 0, .events = POLLIN};
    if (poll(&input, 1, 10) > 0 && read(0, &byte, 1) <= 0) break;
  }
  return 0;
}
