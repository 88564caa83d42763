/* Octets as steps in the life of a small nonce table: nonces are issued, used by four users in any
 * order, bent, invented, time passes, the key changes. No user, nonce and nc is accepted twice, a
 * nonce that the gate did not write is never anything but forged, and the table holds no more than
 * it may. */
#include <string.h>

#include "policy/auth/nonce.h"

#define LIFE     1000u
#define CAPACITY 3
#define NONCES   32
#define USERS    4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
    struct hasher *hasher;
    struct nonce_table *table;
    uint64_t now;
    uint8_t key[NONCE_KEY_LEN];
    size_t count;
    char nonces[NONCES][NONCE_TEXT_MAX];
    uint64_t issued[NONCES];
    uint8_t accepted[NONCES][USERS][256 / 8]; /* a bit per nc */
    const uint8_t *at, *end;
};

static uint8_t next(struct world *w) {
    return w->at < w->end ? *w->at++ : 0;
}

static struct str nonce_at(const struct world *w, size_t i) {
    return (struct str){w->nonces[i], NONCE_TEXT_MAX};
}

static enum nonce_verdict verdict_on(struct world *w, struct str nonce) {
    return nonce_check(w->table, w->hasher, nonce, w->now, LIFE);
}

static void issue(struct world *w) {
    uint8_t random[NONCE_RANDOM_LEN] = {0};
    struct outbuf out;
    if (w->count == NONCES) return;
    random[0] = (uint8_t)w->count;
    random[1] = next(w);
    outbuf_init(&out, w->nonces[w->count], NONCE_TEXT_MAX);
    nonce_issue(w->table, w->hasher, w->now, random, &out);
    ENSURE(!out.full && out.len == NONCE_TEXT_MAX);
    w->issued[w->count++] = w->now;
    ENSURE(verdict_on(w, outbuf_str(&out)) == NONCE_FRESH);
    ENSURE(nonce_issued_ms(outbuf_str(&out)) == w->now);
}

static void use(struct world *w) {
    if (w->count == 0) return;
    size_t i = next(w) % w->count;
    unsigned user = next(w) % USERS, nc = next(w);
    enum nonce_verdict verdict = verdict_on(w, nonce_at(w, i));
    if (w->now - w->issued[i] > LIFE) ENSURE(verdict != NONCE_FRESH);
    if (verdict != NONCE_FRESH) return;
    enum nonce_use got = nonce_use(w->table, nonce_at(w, i), user + 1, nc, w->now, LIFE);
    uint8_t *noted = &w->accepted[i][user][nc / 8];
    bool before = (*noted >> nc % 8 & 1) != 0;
    if (got == NONCE_USE_OK) {
        ENSURE(!before);
        *noted |= (uint8_t)(1u << nc % 8);
        /* At once again it is a replay, and nothing else. */
        ENSURE(nonce_use(w->table, nonce_at(w, i), user + 1, nc, w->now, LIFE) ==
               NONCE_USE_REPLAYED);
    }
    ENSURE(nonce_table_live(w->table) <= CAPACITY);
}

static void bend(struct world *w) {
    if (w->count == 0) return;
    char text[NONCE_TEXT_MAX];
    size_t i = next(w) % w->count, where = next(w) % NONCE_TEXT_MAX;
    char c = (char)next(w);
    memcpy(text, w->nonces[i], sizeof(text));
    if (text[where] == c) return;
    text[where] = c;
    ENSURE(verdict_on(w, (struct str){text, sizeof(text)}) == NONCE_FORGED);
}

/* The octets that are left, up to a length, as a nonce. */
static void invent(struct world *w) {
    size_t len = next(w) % (2 * NONCE_TEXT_MAX);
    if (len > (size_t)(w->end - w->at)) len = (size_t)(w->end - w->at);
    struct str text = {(const char *)w->at, len};
    w->at += len;
    for (size_t i = 0; i < w->count; i++) {
        if (str_equal(text, nonce_at(w, i))) return;
    }
    ENSURE(verdict_on(w, text) == NONCE_FORGED);
}

static void change_key(struct world *w) {
    uint8_t previous[NONCE_KEY_LEN];
    memcpy(previous, w->key, sizeof(previous));
    w->key[0] = next(w);
    nonce_table_rekey(w->table, w->key, previous);
    /* What was written with the key before is ours all the same. */
    if (w->count > 0 && w->issued[w->count - 1] == w->now)
        (void)verdict_on(w, nonce_at(w, w->count - 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint64_t hash_key[2] = {1, 2};
    static struct world w;
    memset(&w, 0, sizeof(w));
    w.hasher = hasher_new();
    w.now = 1000000;
    /* Another key for every input: a fuzzer remembers the nonces that it has seen. */
    bytes_put_u64(w.key, str_hash((struct str){(const char *)data, size}, hash_key, false));
    w.table = nonce_table_new(CAPACITY, w.key, 7, hash_key, (struct policy_lock){0});
    w.at = data;
    w.end = data + size;
    while (w.at < w.end) {
        static void (*const steps[])(struct world *) = {issue, use, use, bend, invent, change_key};
        uint8_t step = next(&w);
        if (step % 8 < ARRAY_LEN(steps))
            steps[step % 8](&w);
        else
            w.now += (uint64_t)next(&w) * 4;
    }
    nonce_table_free(w.table);
    hasher_free(w.hasher);
    return 0;
}
