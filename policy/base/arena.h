/* arena.h: memory that lives as long as one request.
 *
 * An arena hands out pieces from blocks and gives all of them back at once. What a peer can make it
 * grow by is capped: at the cap arena_alloc returns NULL and the caller refuses the request. One
 * owner, one thread. */
#ifndef POLICY_BASE_ARENA_H
#define POLICY_BASE_ARENA_H

#include "policy/base/ensure.h"
#include "policy/base/str.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first; the last one stays over a reset */
    size_t used;                /* bytes handed out since the last reset */
    size_t cap;                 /* bytes that may be handed out between two resets */
};

/* An empty arena that may hand out `cap` bytes; allocates nothing yet. */
void arena_init(struct arena *a, size_t cap);

/* `size` bytes, aligned for any type, not cleared; NULL when the cap is reached. Valid until the
 * reset. */
MUST_USE void *arena_alloc(struct arena *a, size_t size);

/* A copy of `s` in the arena, NUL behind it (not counted). On exhaustion .ptr is NULL. */
MUST_USE struct str arena_copy(struct arena *a, struct str s);

/* Take back everything; the first block is kept for the next request. */
void arena_reset(struct arena *a);

/* Wipe everything that was handed out since the last reset: what lay there was secret. */
void arena_wipe(struct arena *a);

/* Give back all memory; the arena can be used again. */
void arena_release(struct arena *a);

#endif
