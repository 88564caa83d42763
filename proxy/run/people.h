/* people.h: what is remembered of people over a restart, as the text of one file: where they signed
 * in from (lockout.h) and until when they are signed out (session.h). No names: only hashes with a
 * key that stands in the file itself.
 *
 *   phonegate-people 1 <32 hex digits: the key>
 *   floor <ms>
 *   place <user, 16 hex> <address, 32 hex> <seen, ms>
 *   session <user, 16 hex> <not before, ms> <since, ms> <last, ms>
 */
#ifndef PROXY_RUN_PEOPLE_H
#define PROXY_RUN_PEOPLE_H

#include "policy/auth/lockout.h"
#include "policy/auth/session.h"

/* The tables as a text, malloc'ed; at most so many lines of each kind. */
char *people_text(struct lockout *lockout, struct sessions *sessions, const uint64_t key[2],
                  size_t places_max, size_t sessions_max, size_t *len);

/* The key of a text; false where it is none of this form. */
MUST_USE bool people_key(struct str text, uint64_t key[2]);

/* Fill fresh tables made with people_key. What lies in the future (the clock was wrong) becomes
 * now. False where a line is wrong: what stood before it has been taken. */
MUST_USE bool people_load(struct str text, struct lockout *lockout, struct sessions *sessions,
                          uint64_t now_ms);

#endif
