/* strmap.h: from names to small numbers, so that thousands of phones are checked in one pass.
 *
 * Open addressing with a keyed hash. Names are borrowed and must outlive the map. */
#ifndef PROXY_CONFIG_STRMAP_H
#define PROXY_CONFIG_STRMAP_H

#include "policy/base/str.h"

struct strmap_slot {
    struct str name; /* .ptr NULL: free */
    size_t value;
};

struct strmap {
    struct strmap_slot *slots;
    size_t size, count; /* size is a power of two, or 0 */
    uint64_t key[2];
};

void strmap_init(struct strmap *map, const uint64_t key[2]);
void strmap_free(struct strmap *map);

/* False, with the value it has in *old, where `name` is in the map already. */
MUST_USE bool strmap_add(struct strmap *map, struct str name, size_t value, size_t *old);
bool strmap_find(const struct strmap *map, struct str name, size_t *value);

#endif
