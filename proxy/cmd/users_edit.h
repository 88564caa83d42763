/* users_edit.h: the text of a users file with one person's lines changed and every other octet
 * kept.
 */
#ifndef PROXY_CMD_USERS_EDIT_H
#define PROXY_CMD_USERS_EDIT_H

#include "policy/base/str.h"

/* The name in one line of a users file; empty for comments, blank lines and anything else. */
struct str users_edit_name(struct str line);

/* Is one name meant by the other? */
typedef bool users_edit_same(struct str a, struct str b);

/* The name in the first line of `text` that is the `same` as `name`, as it stands there; empty
 * where there is none. */
struct str users_edit_find(struct str text, struct str name, users_edit_same *same);

/* A malloc'ed copy of `text` in which `lines` (each ended by LF) stand in place of the first line
 * of `name`, or at the end where there is none, and all its other lines are gone. An empty `lines`
 * removes the user. */
MUST_USE char *users_edit_replace(struct str text, struct str name, struct str lines, size_t *len);

#endif
