#include "policy/access/route.h"

#include <stdlib.h>

#include "policy/access/urlpath.h"

/* Two open-addressed tables of positions in `phones`, at most half full, so that a probe always
 * meets an empty slot. */
#define SLOT_EMPTY UINT32_MAX

struct route_index {
    const struct policy_phone *phones; /* the configuration's, which outlives the index */
    uint64_t key[2];
    size_t mask;
    uint32_t *by_id;
    uint32_t *by_host;
};

static uint32_t *table_new(size_t slots) {
    uint32_t *table = malloc(slots * sizeof(*table));
    ENSURE(table != NULL);
    for (size_t i = 0; i < slots; i++) table[i] = SLOT_EMPTY;
    return table;
}

static void table_add(uint32_t *table, size_t mask, uint64_t hash, uint32_t value) {
    size_t slot = (size_t)hash & mask;
    while (table[slot] != SLOT_EMPTY) slot = (slot + 1) & mask;
    table[slot] = value;
}

struct route_index *route_index_new(const struct policy_phone *phones, size_t count,
                                    const uint64_t key[2]) {
    ENSURE(count < SLOT_EMPTY / 4);
    struct route_index *index = malloc(sizeof(*index));
    ENSURE(index != NULL);
    size_t slots = 8;
    while (slots < 2 * count) slots *= 2;
    *index = (struct route_index){
        .phones = phones,
        .key = {key[0], key[1]},
        .mask = slots - 1,
        .by_id = table_new(slots),
        .by_host = table_new(slots),
    };
    for (size_t i = 0; i < count; i++) {
        table_add(index->by_id, index->mask, str_hash(phones[i].id, key, false), (uint32_t)i);
        if (phones[i].host.len == 0) continue;
        table_add(index->by_host, index->mask, str_hash(phones[i].host, key, true), (uint32_t)i);
    }
    return index;
}

void route_index_free(struct route_index *index) {
    if (index == NULL) return;
    free(index->by_id);
    free(index->by_host);
    free(index);
}

const struct policy_phone *route_by_id(const struct route_index *index, struct str id) {
    size_t slot = (size_t)str_hash(id, index->key, false) & index->mask;
    for (; index->by_id[slot] != SLOT_EMPTY; slot = (slot + 1) & index->mask) {
        const struct policy_phone *phone = &index->phones[index->by_id[slot]];
        if (str_equal(phone->id, id)) return phone;
    }
    return NULL;
}

const struct policy_phone *route_by_host(const struct route_index *index, struct str host) {
    if (host.len == 0) return NULL;
    size_t slot = (size_t)str_hash(host, index->key, true) & index->mask;
    for (; index->by_host[slot] != SLOT_EMPTY; slot = (slot + 1) & index->mask) {
        const struct policy_phone *phone = &index->phones[index->by_host[slot]];
        if (str_equal_icase(phone->host, host)) return phone;
    }
    return NULL;
}

struct str route_host(struct str authority) {
    struct str host = authority;
    if (authority.len > 0 && authority.ptr[0] == '[') {
        host.len = str_find(authority, ']', 0);
        if (host.len < authority.len) host.len++;
        return host;
    }
    host.len = str_find(authority, ':', 0);
    if (host.len > 1 && host.ptr[host.len - 1] == '.') host.len--;
    return host;
}

bool route_is_portal(const struct policy *policy, struct str host) {
    for (size_t i = 0; i < policy->portal_host_count; i++) {
        if (str_equal_icase(policy->portal_hosts[i], host)) return true;
    }
    return false;
}

bool route_split(struct str path, struct str *id, struct str *rest) {
    static const struct str root = {"/phone/", 7};
    if (!str_starts_with(path, root)) return false;
    size_t end = str_find(path, '/', root.len);
    *id = str_part(path, root.len, end - root.len);
    *rest = str_part(path, end, path.len);
    return true;
}

struct str route_authority(struct str authority) {
    if (str_ends_with(authority, STR(":443"))) authority.len -= 4;
    return authority;
}

bool route_referer_id(const struct request_view *req, struct arena *arena, struct str *id) {
    static const struct str scheme = {"https://", 8};
    if (request_header_count(req, STR("Referer")) != 1) return false;
    struct str referer = request_header(req, STR("Referer"));
    if (!str_starts_with_icase(referer, scheme)) return false;
    referer = str_part(referer, scheme.len, referer.len);
    struct str authority = str_part(referer, 0, str_find(referer, '/', 0));
    if (!str_equal_icase(route_authority(authority), route_authority(req->authority))) {
        return false;
    }
    struct str path = str_part(referer, authority.len, referer.len);
    path.len = str_find(path, '?', 0);
    struct urlpath canonical;
    struct str rest;
    if (urlpath_canonical(path, arena, &canonical) != URLPATH_OK) return false;
    return route_split(canonical.decoded, id, &rest) && rest.len > 0;
}
