/* control_line.h: the commands of control.sock, one line each. */
#ifndef PROXY_RUN_CONTROL_LINE_H
#define PROXY_RUN_CONTROL_LINE_H

#include "policy/base/str.h"

#define CONTROL_SOCKET "control.sock"
/* Octets of a line without its end: a command, a blank, a name. */
#define CONTROL_LINE_MAX 320

enum control_verb { CONTROL_UNLOCK, CONTROL_SIGNOUT, CONTROL_RELOAD, CONTROL_STATUS };

struct control_command {
    enum control_verb verb;
    struct str name; /* slice of the line; with unlock and signout: 1 to 255 octets, UTF-8, no
                        control characters, no colon */
};

/* `line` without its line end. False on anything that is no command. */
MUST_USE bool control_parse(struct str line, struct control_command *command);

#endif
