/* users_edit.h: the text of a users file with one person's lines changed and every other octet
 * kept.
 */
#ifndef PROXY_CMD_USERS_EDIT_H
#define PROXY_CMD_USERS_EDIT_H

#include "policy/base/str.h"

/* The name in one line of a users file; empty for comments, blank lines and anything else. */
struct str users_edit_name(struct str line);

/* Does `text` have a line of this user? */
bool users_edit_has(struct str text, struct str name);

/* A malloc'ed copy of `text` in which `lines` (each ended by LF) stand in place of the first line
 * of `name`, or at the end where there is none, and all its other lines are gone. An empty `lines`
 * removes the user. */
MUST_USE char *users_edit_replace(struct str text, struct str name, struct str lines, size_t *len);

#endif
