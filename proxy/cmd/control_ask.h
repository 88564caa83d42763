/* control_ask.h: one line to a running gate, and what it says. */
#ifndef PROXY_CMD_CONTROL_ASK_H
#define PROXY_CMD_CONTROL_ASK_H

#include "policy/base/str.h"

/* Ask the gate of the state directory `dir` (empty: none is configured): `verb`, and `name` behind
 * a blank where it is not empty. Prints the answer; returns the exit status of `command`. */
int control_ask(const char *command, struct str dir, const char *verb, struct str name);

/* A running gate is to read what `command` has changed; who runs none gets a note. */
void control_reload(const char *command, struct str dir);

enum control_told {
    CONTROL_TOLD,
    CONTROL_NOBODY,  /* no state directory is configured, or no gate answers there */
    CONTROL_REFUSED, /* the gate did not do it; it says why in its own log */
};

/* The same without a name, and without a word to anybody. */
enum control_told control_tell(struct str dir, const char *verb);

#endif
