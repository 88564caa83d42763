#include "policy/auth/users.h"

#include <string.h>

#include "policy/base/bytes.h"

#define FIRST_BUCKETS 64

struct node {
    struct user user;
    struct node *next; /* in the same bucket */
    char name[USERS_NAME_MAX];
};

struct users {
    char *realm; /* owned */
    size_t realm_len;
    uint64_t key[2];
    struct node **order; /* owned, with the nodes: by first line */
    size_t count;
    size_t order_size;
    struct node **buckets; /* owned; the nodes belong to `order` */
    size_t bucket_count;   /* a power of two, at least `count` */
};

static void *must(void *memory) {
    ENSURE(memory != NULL);
    return memory;
}

struct users *users_new(struct str realm, const uint64_t key[2]) {
    struct users *u = must(calloc(1, sizeof(*u)));
    u->realm = must(malloc(realm.len + 1));
    if (realm.len > 0) memcpy(u->realm, realm.ptr, realm.len);
    u->realm_len = realm.len;
    memcpy(u->key, key, sizeof(u->key));
    u->bucket_count = FIRST_BUCKETS;
    u->buckets = must(calloc(u->bucket_count, sizeof(struct node *)));
    return u;
}

void users_free(struct users *u) {
    if (u == NULL) return;
    for (size_t i = 0; i < u->count; i++) {
        bytes_wipe(u->order[i], sizeof(*u->order[i]));
        free(u->order[i]);
    }
    free(u->order);
    free(u->buckets);
    free(u->realm);
    free(u);
}

static struct node **bucket_of(const struct users *u, struct str name) {
    return &u->buckets[str_hash(name, u->key, false) & (u->bucket_count - 1)];
}

static void link_node(struct users *u, struct node *node) {
    struct node **bucket = bucket_of(u, node->user.name);
    node->next = *bucket;
    *bucket = node;
}

static void grow(struct users *u) {
    if (u->count == u->order_size) {
        u->order_size = u->order_size == 0 ? FIRST_BUCKETS : 2 * u->order_size;
        u->order = must(realloc(u->order, u->order_size * sizeof(struct node *)));
    }
    if (u->count < u->bucket_count) return;
    ENSURE(u->bucket_count > 0 && u->bucket_count <= SIZE_MAX / 2);
    free(u->buckets);
    u->bucket_count *= 2;
    u->buckets = must(calloc(u->bucket_count, sizeof(struct node *)));
    for (size_t i = 0; i < u->count; i++) link_node(u, u->order[i]);
}

static struct node *find(const struct users *u, struct str name) {
    for (struct node *n = *bucket_of(u, name); n != NULL; n = n->next) {
        if (str_equal(n->user.name, name)) return n;
    }
    return NULL;
}

static struct node *add(struct users *u, struct str name) {
    grow(u);
    struct node *node = must(calloc(1, sizeof(*node)));
    memcpy(node->name, name.ptr, name.len);
    node->user.name = (struct str){node->name, name.len};
    u->order[u->count++] = node;
    link_node(u, node);
    return node;
}

/* C0, DEL and, in UTF-8, C1: a name stands in headers, records and on terminals. */
static bool has_control(struct str name) {
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (c < 0x20 || c == 0x7f) return true;
        if (c == 0xc2 && i + 1 < name.len && (unsigned char)name.ptr[i + 1] < 0xa0) return true;
    }
    return false;
}

static bool name_is_good(struct str name) {
    return name.len > 0 && name.len <= USERS_NAME_MAX && str_is_utf8(name) && !has_control(name) &&
           str_find(name, ':', 0) == name.len;
}

/* What a failed program leaves in place of HA1: the hash of the empty string. Nobody's password
 * gives it, and an account with it is a mistake. */
static bool is_hash_of_nothing(enum hash_alg alg, const uint8_t *ha1) {
    static const char *const nothing[HASH_ALGS] = {
        [HASH_MD5] = "d41d8cd98f00b204e9800998ecf8427e",
        [HASH_SHA256] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        [HASH_SHA512_256] = "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a",
    };
    uint8_t value[HASH_MAX_LEN];
    return bytes_from_hex(str_of(nothing[alg]), value, hash_len(alg)) &&
           bytes_equal_ct(value, ha1, hash_len(alg));
}

/* The algorithm by the number of digits; false where it is no hash at all. */
static bool hash_from(struct str hex, enum hash_alg *alg, uint8_t ha1[HASH_MAX_LEN]) {
    if (hex.len == 2 * hash_len(HASH_MD5))
        *alg = HASH_MD5;
    else if (hex.len == 2 * hash_len(HASH_SHA256))
        *alg = HASH_SHA256;
    else
        return false;
    return bytes_from_hex(hex, ha1, hash_len(*alg)) && !is_hash_of_nothing(*alg, ha1);
}

/* Index of the last `c` in the first `end` octets; `end` where there is none. */
static size_t find_last(struct str s, char c, size_t end) {
    for (size_t i = end; i > 0; i--) {
        if (s.ptr[i - 1] == c) return i - 1;
    }
    return end;
}

static enum users_line add_hash(struct users *u, struct str name, enum hash_alg alg,
                                const uint8_t *ha1) {
    struct node *node = find(u, name);
    if (node != NULL && node->user.has[alg]) return USERS_LINE_REPEATED;
    if (node == NULL) node = add(u, name);
    node->user.has[alg] = true;
    memcpy(node->user.ha1[alg], ha1, hash_len(alg));
    return USERS_LINE_OK;
}

enum users_line users_add_line(struct users *u, struct str line) {
    if (str_trim(line).len == 0 || line.ptr[0] == '#') return USERS_LINE_EMPTY;
    size_t second = find_last(line, ':', line.len);
    if (second == line.len) return USERS_LINE_MALFORMED;
    size_t first = find_last(line, ':', second);
    if (first == second) return USERS_LINE_MALFORMED;

    struct str name = str_part(line, 0, first);
    struct str realm = str_part(line, first + 1, second - first - 1);
    if (!name_is_good(name)) return USERS_LINE_BAD_NAME;
    if (!str_equal(realm, (struct str){u->realm, u->realm_len})) return USERS_LINE_BAD_REALM;
    uint8_t ha1[HASH_MAX_LEN];
    enum hash_alg alg;
    enum users_line verdict = USERS_LINE_BAD_HASH;
    if (hash_from(str_part(line, second + 1, line.len), &alg, ha1))
        verdict = add_hash(u, name, alg, ha1);
    bytes_wipe(ha1, sizeof(ha1));
    return verdict;
}

const char *users_line_str(enum users_line verdict) {
    switch (verdict) {
    case USERS_LINE_OK:
        return "fine";
    case USERS_LINE_EMPTY:
        return "empty";
    case USERS_LINE_MALFORMED:
        return "not of the form name:realm:hash";
    case USERS_LINE_BAD_NAME:
        return "the name is empty, too long, not UTF-8 or holds a colon or a control character";
    case USERS_LINE_BAD_REALM:
        return "the realm is not the one of the configuration";
    case USERS_LINE_BAD_HASH:
        return "the hash has neither 32 (MD5) nor 64 (SHA-256) hexadecimal digits, or is the hash "
               "of nothing";
    case USERS_LINE_REPEATED:
        return "this user has a line of this algorithm already";
    }
    return "unknown";
}

const struct user *users_find(const struct users *u, struct str name) {
    const struct node *node = find(u, name);
    return node == NULL ? NULL : &node->user;
}

size_t users_count(const struct users *u) {
    return u->count;
}

const struct user *users_at(const struct users *u, size_t index) {
    return &u->order[index]->user;
}

bool users_ha1(struct hasher *h, enum hash_alg alg, struct str name, struct str realm,
               struct str password, uint8_t out[HASH_MAX_LEN]) {
    const struct str parts[] = {name, STR(":"), realm, STR(":"), password};
    return hash_parts(h, alg, parts, ARRAY_LEN(parts), out);
}
