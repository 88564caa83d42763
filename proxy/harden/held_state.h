/* held_state.h: what is remembered of phones' hardening over a restart, as the text of one file.
 *
 *   phonegate-held 1
 *   phone <id> <tried, s> <answered, s> <steps> <looks> <passing> <restricted> <trouble>
 *
 * Times are since 1970. Steps and looks have a letter each for steps 1 to 4 and what is beyond the
 * guide (policy/harden/drift.h). A line that cannot be read costs its phone's memory and no
 * other's.
 */
#ifndef PROXY_HARDEN_HELD_STATE_H
#define PROXY_HARDEN_HELD_STATE_H

#include "policy/base/outbuf.h"
#include "policy/harden/drift.h"

#define HELD_ID_MAX      64
#define HELD_TROUBLE_MAX 47
/* Octets of a line, its end included. */
#define HELD_LINE_MAX 256

struct held_memory {
    char id[HELD_ID_MAX + 1];
    struct drift drift;
    uint64_t tried_s;                   /* the last check; 0: none */
    uint64_t answered_s;                /* the last one in which the phone answered; 0: none */
    bool restricted;                    /* people were kept out of it */
    char trouble[HELD_TROUBLE_MAX + 1]; /* why the last check did not see all; empty: it did */
};

/* Copy a stable name, cut; what is no such name becomes "unknown". */
void held_trouble_set(struct held_memory *m, const char *trouble);

/* The first line, and one line. */
void held_state_head(struct outbuf *out);
void held_state_put(const struct held_memory *m, struct outbuf *out);

/* `line` without its end. False on anything else than such a line; *m is undefined then. */
MUST_USE bool held_state_line(struct str line, struct held_memory *m);

/* One phone after the other: each line that can be read. False where something could not: the head,
 * a line, or the end of the last one. */
typedef void held_state_each(void *user, const struct held_memory *m);
MUST_USE bool held_state_read(struct str text, held_state_each *each, void *user);

#endif
