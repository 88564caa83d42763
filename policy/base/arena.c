#include "policy/base/arena.h"

#include <openssl/crypto.h>
#include <stdalign.h>
#include <string.h>

/* 4 KiB less the header of malloc: a request's view, decision and rewritten target fit into one
 * block. */
#define BLOCK_SIZE (4096 - 64)

struct arena_block {
    struct arena_block *next;
    size_t size;
    size_t used;
    alignas(max_align_t) char data[];
};

void arena_init(struct arena *a, size_t cap) {
    *a = (struct arena){.cap = cap};
}

static struct arena_block *block_add(struct arena *a, size_t need) {
    size_t size = need > BLOCK_SIZE ? need : BLOCK_SIZE;
    struct arena_block *block = malloc(sizeof(*block) + size);
    ENSURE(block != NULL);
    block->next = a->blocks;
    block->size = size;
    block->used = 0;
    a->blocks = block;
    return block;
}

void *arena_alloc(struct arena *a, size_t size) {
    if (size > a->cap) return NULL;
    size_t step = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (step > a->cap - a->used) return NULL;
    struct arena_block *block = a->blocks;
    if (block == NULL || block->size - block->used < step) block = block_add(a, step);
    void *piece = block->data + block->used;
    block->used += step;
    a->used += step;
    return piece;
}

struct str arena_copy(struct arena *a, struct str s) {
    char *copy = arena_alloc(a, s.len + 1);
    if (copy == NULL) return STR_NONE;
    if (s.len > 0) memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return (struct str){copy, s.len};
}

void arena_reset(struct arena *a) {
    while (a->blocks != NULL && a->blocks->next != NULL) {
        struct arena_block *next = a->blocks->next;
        free(a->blocks);
        a->blocks = next;
    }
    if (a->blocks != NULL) {
        a->blocks->used = 0;
        if (a->blocks->size > BLOCK_SIZE) arena_release(a);
    }
    a->used = 0;
}

void arena_wipe(struct arena *a) {
    for (struct arena_block *block = a->blocks; block != NULL; block = block->next)
        OPENSSL_cleanse(block->data, block->used);
}

void arena_release(struct arena *a) {
    while (a->blocks != NULL) {
        struct arena_block *next = a->blocks->next;
        free(a->blocks);
        a->blocks = next;
    }
    a->used = 0;
}
