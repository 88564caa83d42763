/* control.h: control.sock in the state directory, by which an administrator of this machine talks
 * to a running gate.
 *
 * One line in, lines out, closed. The first word of the answer is "ok" or "no". Mode 0600; the
 * other side must be of our own uid or root. Served by the main thread. */
#ifndef PROXY_RUN_CONTROL_H
#define PROXY_RUN_CONTROL_H

#include <uv.h>

#include "policy/base/outbuf.h"
#include "proxy/run/control_line.h"

#define CONTROL_CLIENTS     8    /* at once; more are turned away */
#define CONTROL_PATIENCE_MS 5000 /* for the whole conversation */
#define CONTROL_ANSWER_MAX  1024
/* The longest directory whose socket has a name that the system takes (108 with NUL). */
#define CONTROL_DIR_MAX (107 - sizeof(CONTROL_SOCKET))

/* Do what the command says and write the answer: lines, each with its end. */
typedef void control_do(void *user, const struct control_command *command, struct outbuf *answer);

struct control;

/* Listen on `dir`/control.sock. NULL with a line in `error`, also where another process answers
 * there. */
struct control *control_open(uv_loop_t *loop, const char *dir, control_do *act, void *user,
                             char *error, size_t error_len);
/* Close everything and remove the socket; freed when the loop has closed the handles. */
void control_close(struct control *c);

#endif
