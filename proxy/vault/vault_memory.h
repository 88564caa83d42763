/* vault_memory.h: memory for secrets.
 *
 * Pages of their own: left out of core dumps, kept out of swap where the system lets us, wiped
 * before they are given back. Pieces are given back all at once. */
#ifndef PROXY_VAULT_VAULT_MEMORY_H
#define PROXY_VAULT_VAULT_MEMORY_H

#include "policy/base/str.h"

struct vault_block;

struct vault_memory {
    struct vault_block *blocks; /* newest first */
};

/* `size` bytes of zeros, aligned for any type. */
MUST_USE void *vault_memory_take(struct vault_memory *memory, size_t size);
/* A copy of `s`. */
struct str vault_memory_copy(struct vault_memory *memory, struct str s);
/* Wipe and give back everything; the memory can be used again. */
void vault_memory_release(struct vault_memory *memory);

#endif
