#include "proxy/vault/vault_memory.h"

#include <string.h>
#include <sys/mman.h>

#include "policy/base/bytes.h"

/* A block is at least so large: some hundred passwords. */
#define BLOCK_SIZE ((size_t)64 << 10)

struct vault_block {
    struct vault_block *next;
    size_t size, used; /* of the whole, this head included */
};

static struct vault_block *new_block(size_t size, struct vault_block *next) {
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ENSURE(pages != MAP_FAILED);
    /* Both as far as it goes: locked memory is limited, and a kernel may know no DONTDUMP. */
    (void)madvise(pages, size, MADV_DONTDUMP);
    (void)mlock(pages, size);
    struct vault_block *block = pages;
    *block = (struct vault_block){.next = next, .size = size, .used = sizeof(*block)};
    return block;
}

void *vault_memory_take(struct vault_memory *memory, size_t size) {
    const size_t align = _Alignof(max_align_t);
    ENSURE(size < SIZE_MAX - 2 * BLOCK_SIZE);
    size = (size + align - 1) / align * align;
    struct vault_block *block = memory->blocks;
    if (block == NULL || block->size - block->used < size) {
        size_t need = sizeof(struct vault_block) + align + size;
        block = new_block((need + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE, block);
        block->used = (block->used + align - 1) / align * align;
        memory->blocks = block;
    }
    void *piece = (char *)block + block->used;
    block->used += size;
    return piece;
}

struct str vault_memory_copy(struct vault_memory *memory, struct str s) {
    char *copy = vault_memory_take(memory, s.len);
    if (s.len > 0) memcpy(copy, s.ptr, s.len);
    return (struct str){copy, s.len};
}

void vault_memory_release(struct vault_memory *memory) {
    while (memory->blocks != NULL) {
        struct vault_block *block = memory->blocks;
        size_t size = block->size;
        memory->blocks = block->next;
        bytes_wipe(block, size);
        munmap(block, size);
    }
}
