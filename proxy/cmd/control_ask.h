/* control_ask.h: one line to a running gate, and what it says. */
#ifndef PROXY_CMD_CONTROL_ASK_H
#define PROXY_CMD_CONTROL_ASK_H

#include "policy/base/str.h"

/* Ask the gate of the state directory `dir` (empty: none is configured): `verb`, and `name` behind
 * a blank where it is not empty. Prints the answer; returns the exit status of `command`. */
int control_ask(const char *command, struct str dir, const char *verb, struct str name);

#endif
