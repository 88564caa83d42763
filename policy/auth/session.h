/* session.h: since when a person is signed in, and when a browser must ask again.
 *
 * Digest has no session: a browser answers by itself as long as it knows the password. What we can
 * do is to refuse answers on nonces from before a moment with a plain 401, upon which the browser
 * forgets the password and asks. That moment is kept for each user; signing out sets it, and so
 * does the end of a session that is too old or was idle for too long. It moves forward only, and
 * where an entry must leave a full table its moment becomes everybody's who has no entry: a
 * password too many is asked for, never one too few.
 *
 * The lock is lent as in nonce.h and taken by every function. */
#ifndef POLICY_AUTH_SESSION_H
#define POLICY_AUTH_SESSION_H

#include "policy/auth/nonce.h"

struct session_settings {
    uint64_t max_ms, idle_ms; /* 0: no such end */
};

enum session_verdict {
    SESSION_GOES_ON, /* or begins */
    SESSION_SIGNED_OUT,
    SESSION_OVER,
};

struct sessions;

/* `hash_key` must be the same after a restart where entries are to be kept. */
struct sessions *sessions_new(size_t capacity, const uint64_t hash_key[2], struct policy_lock lock);
void sessions_free(struct sessions *s);

uint64_t sessions_user_key(const struct sessions *s, struct str name);

/* The user gave a right response on a nonce issued at `issued_ms`. `accepted`: it counts as a sign
 * of life (a stale one does not). */
MUST_USE enum session_verdict sessions_check(struct sessions *s,
                                             const struct session_settings *settings, uint64_t user,
                                             uint64_t issued_ms, bool accepted, uint64_t now_ms);
/* Sign out: what this user's browsers hold is refused from now on. */
void sessions_end(struct sessions *s, uint64_t user, uint64_t now_ms);
/* The same for everybody without an entry: what is known of them was lost. */
void sessions_end_unknown(struct sessions *s, uint64_t now_ms);
/* When the session began; 0: not known. */
uint64_t sessions_since(struct sessions *s, uint64_t user);

/* ---- what outlives a restart ---- */

struct session_entry {
    uint64_t user;
    uint64_t not_before_ms; /* nonces issued before are refused; 0: none */
    uint64_t since_ms;      /* 0: not signed in */
    uint64_t last_ms;
};

/* At most `max` of them into `out`, longest unseen first; *floor_ms is the moment of those without
 * an entry. */
size_t sessions_copy(struct sessions *s, struct session_entry *out, size_t max, uint64_t *floor_ms);
void sessions_add(struct sessions *s, const struct session_entry *entry);
/* Rises with each moment that was set: what must not be lost. */
uint64_t sessions_changes(struct sessions *s);

#endif
