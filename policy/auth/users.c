#include "policy/auth/users.h"

#include <string.h>

#include "policy/base/bytes.h"

#define FIRST_BUCKETS 64

struct node {
    struct user user;
    struct node *next; /* in the same bucket */
    /* H(name ":" realm), and the next in the same bucket of that algorithm; where user.has. */
    struct node *next_hashed[HASH_ALGS];
    uint8_t name_hash[HASH_ALGS][HASH_MAX_LEN];
    char name[];
};

struct users {
    char *realm; /* owned */
    size_t realm_len;
    uint64_t key[2];
    struct node **order; /* owned, with the nodes: by first line */
    size_t count;
    size_t order_size;
    struct node **buckets;           /* owned; the nodes belong to `order` */
    size_t bucket_count;             /* a power of two, at least `count` */
    struct node **hashed[HASH_ALGS]; /* owned, as buckets; NULL until users_hash_names */
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
    for (size_t alg = 0; alg < HASH_ALGS; alg++) free(u->hashed[alg]);
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
    struct node *node = must(calloc(1, sizeof(*node) + name.len));
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

/* The algorithm by its name or, without one, by the number of digits; false where it is no hash at
 * all. */
static bool hash_from(const struct users_fields *f, enum hash_alg *alg, uint8_t ha1[HASH_MAX_LEN]) {
    if (f->algorithm.len > 0)
        *alg = HASH_SHA512_256;
    else
        *alg = f->hex.len == 2 * hash_len(HASH_MD5) ? HASH_MD5 : HASH_SHA256;
    return bytes_from_hex(f->hex, ha1, hash_len(*alg)) && !is_hash_of_nothing(*alg, ha1);
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

/* lighttpd's fourth field is a hash as long as the third. A name has no colon, so the third of four
 * fields is never a realm. */
static bool is_userhash(struct str hash, struct str hex) {
    uint8_t octets[HASH_MAX_LEN];
    return (hex.len == 2 * hash_len(HASH_MD5) || hex.len == 2 * hash_len(HASH_SHA256)) &&
           hash.len == hex.len && bytes_from_hex(hash, octets, hash.len / 2) &&
           bytes_from_hex(hex, octets, hex.len / 2);
}

bool users_split_line(struct str line, struct users_fields *f) {
    size_t last = find_last(line, ':', line.len);
    if (last == line.len) return false;
    size_t before = find_last(line, ':', last);
    if (before == last) return false;
    *f = (struct users_fields){.hex = str_part(line, last + 1, line.len)};
    struct str middle = str_part(line, before + 1, last - before - 1);
    size_t third = find_last(line, ':', before);
    if (third < before && str_equal(middle, hash_name(HASH_SHA512_256))) {
        f->algorithm = middle;
        last = before;
        before = third;
    } else if (third < before && is_userhash(f->hex, middle)) {
        f->userhash = f->hex;
        f->hex = middle;
        last = before;
        before = third;
    }
    f->name = str_part(line, 0, before);
    f->realm = str_part(line, before + 1, last - before - 1);
    return true;
}

enum users_line users_add_line(struct users *u, struct str line) {
    if (str_trim(line).len == 0 || line.ptr[0] == '#') return USERS_LINE_EMPTY;
    struct users_fields f;
    if (!users_split_line(line, &f)) return USERS_LINE_MALFORMED;
    if (!name_is_good(f.name)) return USERS_LINE_BAD_NAME;
    if (!str_equal(f.realm, (struct str){u->realm, u->realm_len})) return USERS_LINE_BAD_REALM;
    uint8_t ha1[HASH_MAX_LEN];
    enum hash_alg alg;
    enum users_line verdict = USERS_LINE_BAD_HASH;
    if (hash_from(&f, &alg, ha1)) verdict = add_hash(u, f.name, alg, ha1);
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
        return "not of the form name:realm:hash, name:realm:hash:userhash or "
               "name:realm:SHA-512-256:hash";
    case USERS_LINE_BAD_NAME:
        return "the name is empty, too long, not UTF-8 or holds a colon or a control character";
    case USERS_LINE_BAD_REALM:
        return "the realm is not the one of the configuration";
    case USERS_LINE_BAD_HASH:
        return "the hash has neither 32 (MD5) nor 64 (SHA-256, SHA-512-256) hexadecimal digits, or "
               "is the hash of nothing";
    case USERS_LINE_REPEATED:
        return "this user has a line of this algorithm already";
    }
    return "unknown";
}

bool users_limit(struct users *u, struct str name, const struct user_limits *limits) {
    struct node *node = find(u, name);
    if (node == NULL) return false;
    node->user.limits = *limits;
    if (limits->md5_is_off) {
        node->user.has[HASH_MD5] = false;
        bytes_wipe(node->user.ha1[HASH_MD5], HASH_MAX_LEN);
    }
    return true;
}

const struct user *users_find(const struct users *u, struct str name) {
    const struct node *node = find(u, name);
    return node == NULL ? NULL : &node->user;
}

static struct node **hashed_bucket(const struct users *u, size_t alg, const uint8_t *hash) {
    const struct str octets = {(const char *)hash, hash_len((enum hash_alg)alg)};
    return &u->hashed[alg][str_hash(octets, u->key, false) & (u->bucket_count - 1)];
}

/* A user whose name cannot be hashed is not found by a hash. */
static void link_hashed(struct users *u, size_t alg, struct hasher *h, struct node *node) {
    const struct str realm = {u->realm, u->realm_len};
    uint8_t *hash = node->name_hash[alg];
    if (!users_name_hash(h, (enum hash_alg)alg, node->user.name, realm, hash)) return;
    struct node **bucket = hashed_bucket(u, alg, hash);
    node->next_hashed[alg] = *bucket;
    *bucket = node;
}

void users_hash_names(struct users *u, struct hasher *h) {
    for (size_t alg = 0; alg < HASH_ALGS; alg++) {
        ENSURE(u->hashed[alg] == NULL);
        u->hashed[alg] = must(calloc(u->bucket_count, sizeof(struct node *)));
        for (size_t i = 0; i < u->count; i++) {
            if (u->order[i]->user.has[alg]) link_hashed(u, alg, h, u->order[i]);
        }
    }
}

const struct user *users_find_hashed(const struct users *u, enum hash_alg alg,
                                     const uint8_t *hash) {
    if (u->hashed[alg] == NULL) return NULL;
    for (struct node *n = *hashed_bucket(u, alg, hash); n != NULL; n = n->next_hashed[alg]) {
        if (bytes_equal_ct(n->name_hash[alg], hash, hash_len(alg))) return &n->user;
    }
    return NULL;
}

size_t users_count(const struct users *u) {
    return u->count;
}

const struct user *users_at(const struct users *u, size_t index) {
    return &u->order[index]->user;
}

bool users_name_hash(struct hasher *h, enum hash_alg alg, struct str name, struct str realm,
                     uint8_t out[HASH_MAX_LEN]) {
    const struct str parts[] = {name, STR(":"), realm};
    return hash_parts(h, alg, parts, ARRAY_LEN(parts), out);
}

bool users_ha1(struct hasher *h, enum hash_alg alg, struct str name, struct str realm,
               struct str password, uint8_t out[HASH_MAX_LEN]) {
    const struct str parts[] = {name, STR(":"), realm, STR(":"), password};
    return hash_parts(h, alg, parts, ARRAY_LEN(parts), out);
}
