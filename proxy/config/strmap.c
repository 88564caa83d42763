#include "proxy/config/strmap.h"

void strmap_init(struct strmap *map, const uint64_t key[2]) {
    *map = (struct strmap){.key = {key[0], key[1]}};
}

void strmap_free(struct strmap *map) {
    free(map->slots);
    *map = (struct strmap){.key = {map->key[0], map->key[1]}};
}

/* The slot of `name`, or the free one where it would go. At least one slot is free. */
static struct strmap_slot *slot_of(const struct strmap *map, struct str name) {
    size_t at = (size_t)str_hash(name, map->key, false) & (map->size - 1);
    while (map->slots[at].name.ptr != NULL && !str_equal(map->slots[at].name, name))
        at = (at + 1) & (map->size - 1);
    return &map->slots[at];
}

static void grow(struct strmap *map) {
    struct strmap bigger = *map;
    bigger.size = map->size == 0 ? 64 : 2 * map->size;
    bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
    ENSURE(bigger.slots != NULL);
    for (size_t i = 0; i < map->size; i++)
        if (map->slots[i].name.ptr != NULL) *slot_of(&bigger, map->slots[i].name) = map->slots[i];
    free(map->slots);
    *map = bigger;
}

bool strmap_add(struct strmap *map, struct str name, size_t value, size_t *old) {
    if (2 * (map->count + 1) > map->size) grow(map);
    struct strmap_slot *slot = slot_of(map, name);
    if (slot->name.ptr != NULL) {
        *old = slot->value;
        return false;
    }
    *slot = (struct strmap_slot){name, value};
    map->count++;
    return true;
}

bool strmap_find(const struct strmap *map, struct str name, size_t *value) {
    if (map->size == 0) return false;
    const struct strmap_slot *slot = slot_of(map, name);
    if (slot->name.ptr == NULL) return false;
    *value = slot->value;
    return true;
}
