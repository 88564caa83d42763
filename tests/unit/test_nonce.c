/* The nonce table: what is accepted, what leaves when it is full, and that nothing comes back. */
#include "tests/unit/auth_helper.h"

#define ALICE 1
#define BOB   2

struct fixture {
    struct hasher *hasher;
    struct nonce_table *table;
    uint8_t random[NONCE_RANDOM_LEN];
};

static void open_table(struct fixture *f, size_t capacity) {
    memset(f, 0, sizeof(*f));
    f->hasher = hasher_new();
    f->table = table_of(capacity, 7, 42);
}

static void close_table(struct fixture *f) {
    nonce_table_free(f->table);
    hasher_free(f->hasher);
}

static struct nonce_text issue(struct fixture *f, uint64_t now) {
    return nonce_from(f->table, f->hasher, now, f->random);
}

static enum nonce_verdict check(struct fixture *f, const struct nonce_text *n, uint64_t now) {
    return nonce_check(f->table, f->hasher, str_of(n->text), now, LIFE);
}

static enum nonce_use use(struct fixture *f, const struct nonce_text *n, uint64_t user, uint32_t nc,
                          uint64_t now) {
    return nonce_use(f->table, str_of(n->text), user, nc, now, LIFE);
}

static void text_is_plain(void **state) {
    (void)state;
    struct fixture f;
    open_table(&f, 16);
    for (int i = 0; i < 100; i++) {
        const struct nonce_text n = issue(&f, START);
        assert_int_equal(strlen(n.text), NONCE_TEXT_MAX);
        for (const char *c = n.text; *c != '\0'; c++)
            assert_true(ascii_is_alpha(*c) || ascii_is_digit(*c) || *c == '-' || *c == '_');
    }
    close_table(&f);
    nonce_table_free(NULL);
}

static void V23_lifetime_ends_to_the_millisecond(void **state) {
    (void)state;
    struct fixture f;
    open_table(&f, 16);
    const struct nonce_text n = issue(&f, START);
    const struct nonce_text used = issue(&f, START);
    assert_int_equal(use(&f, &used, ALICE, 1, START), NONCE_USE_OK);
    assert_int_equal(check(&f, &n, START - 1), NONCE_FRESH); /* another worker's clock */
    assert_int_equal(check(&f, &n, START - 10001), NONCE_EXPIRED);
    assert_int_equal(use(&f, &n, ALICE, 1, START - 10001), NONCE_USE_EVICTED);
    assert_int_equal(check(&f, &n, START + LIFE), NONCE_FRESH);
    assert_int_equal(check(&f, &used, START + LIFE), NONCE_FRESH);
    assert_int_equal(check(&f, &n, START + LIFE + 1), NONCE_EXPIRED);
    assert_int_equal(check(&f, &used, START + LIFE + 1), NONCE_EXPIRED);
    assert_int_equal(use(&f, &n, ALICE, 1, START + LIFE + 1), NONCE_USE_EVICTED);
    close_table(&f);
}

static void V04_only_its_own_signature(void **state) {
    (void)state;
    struct fixture f;
    open_table(&f, 16);
    struct nonce_table *restarted = table_of(16, 7, 43);
    struct nonce_table *stranger = table_of(16, 9, 42);
    const struct nonce_text foreign = nonce_from(restarted, f.hasher, START, f.random);
    const struct nonce_text forged = nonce_from(stranger, f.hasher, START, f.random);
    struct nonce_text longer = {{0}};
    assert_int_equal(check(&f, &foreign, START), NONCE_FOREIGN);
    assert_int_equal(check(&f, &foreign, START + LIFE + 1), NONCE_FOREIGN);
    assert_int_equal(check(&f, &forged, START), NONCE_FORGED);
    assert_int_equal(check(&f, &longer, START), NONCE_FORGED);
    assert_int_equal(use(&f, &foreign, ALICE, 1, START), NONCE_USE_EVICTED);
    assert_int_equal(use(&f, &longer, ALICE, 1, START), NONCE_USE_EVICTED);
    assert_int_equal(nonce_table_live(f.table), 0);
    nonce_table_free(restarted);
    nonce_table_free(stranger);
    close_table(&f);
}

static void V08_window(void **state) {
    (void)state;
    struct fixture f;
    open_table(&f, 16);
    const struct nonce_text n = issue(&f, START);
    static const struct {
        uint32_t nc;
        enum nonce_use want;
    } steps[] = {
        {100, NONCE_USE_OK},
        {100, NONCE_USE_REPLAYED},
        {36, NONCE_USE_REPLAYED},
        {37, NONCE_USE_OK},
        {37, NONCE_USE_REPLAYED},
        {99, NONCE_USE_OK},
        {163, NONCE_USE_OK}, /* 100 is now the last one in the window */
        {100, NONCE_USE_REPLAYED},
        {99, NONCE_USE_REPLAYED},
        {101, NONCE_USE_OK},
        {101, NONCE_USE_REPLAYED},
        {227, NONCE_USE_OK}, /* a step as wide as the window */
        {163, NONCE_USE_REPLAYED},
        {164, NONCE_USE_OK},
        {226, NONCE_USE_OK},
        {UINT32_MAX, NONCE_USE_OK},
        {UINT32_MAX, NONCE_USE_REPLAYED},
        {UINT32_MAX - 63, NONCE_USE_OK},
        {UINT32_MAX - 64, NONCE_USE_REPLAYED},
        {1, NONCE_USE_REPLAYED},
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        assert_int_equal(use(&f, &n, ALICE, steps[i].nc, START), steps[i].want);
    close_table(&f);
}

static void an_entry_belongs_to_one_user(void **state) {
    (void)state;
    struct fixture f;
    open_table(&f, 16);
    const struct nonce_text n = issue(&f, START);
    assert_int_equal(use(&f, &n, ALICE, 1, START), NONCE_USE_OK);
    assert_int_equal(use(&f, &n, BOB, 2, START), NONCE_USE_EVICTED);
    assert_int_equal(use(&f, &n, ALICE, 2, START), NONCE_USE_OK);
    assert_int_equal(nonce_table_live(f.table), 1);
    close_table(&f);
}

/* Beyond NONCE_PER_USER the user's oldest goes, and only that user has fewer nonces for it. */
static void V08_a_users_limit_is_the_users_own(void **state) {
    (void)state;
    struct fixture f;
    open_table(&f, 4096);
    struct nonce_text n[NONCE_PER_USER + 1];
    const struct nonce_text unused_old = issue(&f, START);
    const struct nonce_text unused_old_bob = issue(&f, START);
    const struct nonce_text of_bob = issue(&f, START);
    assert_int_equal(use(&f, &of_bob, BOB, 1, START), NONCE_USE_OK);
    for (unsigned i = 0; i <= NONCE_PER_USER; i++) {
        n[i] = issue(&f, START + i);
        assert_int_equal(use(&f, &n[i], ALICE, 1, START + i), NONCE_USE_OK);
    }
    uint64_t now = START + NONCE_PER_USER;
    assert_int_equal(nonce_table_live(f.table), NONCE_PER_USER + 1);
    assert_int_equal(use(&f, &n[0], ALICE, 2, now), NONCE_USE_EVICTED);
    assert_int_equal(use(&f, &n[0], ALICE, 1, now), NONCE_USE_EVICTED);
    assert_int_equal(use(&f, &unused_old, ALICE, 1, now), NONCE_USE_EVICTED);
    assert_int_equal(use(&f, &n[1], ALICE, 2, now), NONCE_USE_OK);
    assert_int_equal(use(&f, &of_bob, BOB, 2, now), NONCE_USE_OK);
    assert_int_equal(use(&f, &unused_old_bob, BOB, 1, now), NONCE_USE_OK);
    close_table(&f);
}

/* The same when all were issued in one millisecond, and when they come back to front. */
static void V08_a_users_limit_with_equal_times(void **state) {
    (void)state;
    struct fixture f;
    for (int backwards = 0; backwards <= 1; backwards++) {
        open_table(&f, 4096);
        struct nonce_text n[2 * NONCE_PER_USER];
        bool accepted[2 * NONCE_PER_USER];
        unsigned count = 0;
        for (unsigned i = 0; i < ARRAY_LEN(n); i++)
            n[i] = issue(&f, backwards ? START + 1000 - i : START);
        for (unsigned i = 0; i < ARRAY_LEN(n); i++) {
            accepted[i] = use(&f, &n[i], ALICE, 1, START + 1000) == NONCE_USE_OK;
            count += accepted[i];
        }
        assert_int_equal(count, NONCE_PER_USER);
        assert_int_equal(nonce_table_live(f.table), NONCE_PER_USER);
        for (unsigned i = 0; i < ARRAY_LEN(n); i++)
            assert_int_not_equal(use(&f, &n[i], ALICE, 1, START + 1000), NONCE_USE_OK);
        const struct nonce_text next = issue(&f, START + 2000);
        assert_int_equal(use(&f, &next, ALICE, 1, START + 2000), NONCE_USE_OK);
        close_table(&f);
    }
}

/* A full table makes room for new users, at the cost of its oldest, which stay out. */
static void R05_a_full_table_lets_its_oldest_go(void **state) {
    (void)state;
    struct fixture f;
    enum { CAPACITY = 64, MORE = 500 };
    open_table(&f, CAPACITY);
    static struct nonce_text n[CAPACITY + MORE];
    for (unsigned i = 0; i < ARRAY_LEN(n); i++) {
        n[i] = issue(&f, START + i);
        assert_int_equal(use(&f, &n[i], i + 1, 1, START + i), NONCE_USE_OK);
        assert_true(nonce_table_live(f.table) <= CAPACITY);
        /* What came last is there. */
        unsigned recent = i < 16 ? 0 : i - 16;
        assert_int_equal(use(&f, &n[recent], recent + 1, i + 2, START + i), NONCE_USE_OK);
    }
    uint64_t now = START + ARRAY_LEN(n);
    for (unsigned i = 0; i < ARRAY_LEN(n); i++)
        assert_int_not_equal(use(&f, &n[i], i + 1, 1, now), NONCE_USE_OK);
    assert_int_equal(use(&f, &n[0], 1, 100000, now), NONCE_USE_EVICTED);
    close_table(&f);
}

static void an_expired_entry_makes_room_first(void **state) {
    (void)state;
    struct fixture f;
    enum { CAPACITY = 8 };
    open_table(&f, CAPACITY);
    struct nonce_text old[CAPACITY];
    for (unsigned i = 0; i < CAPACITY; i++) {
        old[i] = issue(&f, START + i);
        assert_int_equal(use(&f, &old[i], i, 1, START + i), NONCE_USE_OK);
    }
    /* Half have expired: four newcomers fit and nobody who is alive leaves. */
    uint64_t now = START + LIFE + 4;
    const struct nonce_text unused = issue(&f, START + CAPACITY);
    for (unsigned i = 0; i < 4; i++) {
        const struct nonce_text n = issue(&f, now);
        assert_int_equal(use(&f, &n, 100 + i, 1, now), NONCE_USE_OK);
    }
    for (unsigned i = 4; i < CAPACITY; i++)
        assert_int_equal(use(&f, &old[i], i, 2, now), NONCE_USE_OK);
    assert_int_equal(nonce_table_live(f.table), CAPACITY);
    /* Full now: one more, and the oldest goes. */
    assert_int_equal(use(&f, &unused, 200, 1, now), NONCE_USE_OK);
    assert_int_equal(use(&f, &old[4], 4, 3, now), NONCE_USE_EVICTED);
    assert_int_equal(use(&f, &old[5], 5, 3, now), NONCE_USE_OK);
    close_table(&f);
}

static void expired_entries_leave_as_new_ones_come(void **state) {
    (void)state;
    struct fixture f;
    open_table(&f, 2000);
    for (unsigned i = 0; i < 1000; i++) {
        const struct nonce_text n = issue(&f, START);
        assert_int_equal(use(&f, &n, 10 + i / 10, 1, START), NONCE_USE_OK);
    }
    uint64_t now = START + LIFE + 1;
    for (unsigned i = 0; i < 600; i++) {
        const struct nonce_text n = issue(&f, now);
        assert_int_equal(use(&f, &n, 10000 + i, 1, now), NONCE_USE_OK);
    }
    assert_int_equal(nonce_table_live(f.table), 600);
    close_table(&f);
}

/* An entry that went because it had expired does not come back when the lifetime is made longer. */
static void V28_a_longer_lifetime_revives_nothing(void **state) {
    (void)state;
    struct fixture f;
    open_table(&f, 4);
    const struct nonce_text n = issue(&f, START);
    assert_int_equal(use(&f, &n, ALICE, 1, START), NONCE_USE_OK);
    uint64_t now = START + LIFE + 1;
    for (unsigned i = 0; i < 8; i++) {
        const struct nonce_text other = issue(&f, now + i);
        assert_int_equal(use(&f, &other, BOB, 1, now + i), NONCE_USE_OK);
    }
    struct str text = str_of(n.text);
    assert_int_equal(nonce_check(f.table, f.hasher, text, now, 10 * LIFE), NONCE_FRESH);
    assert_int_equal(nonce_use(f.table, text, ALICE, 1, now, 10 * LIFE), NONCE_USE_EVICTED);
    close_table(&f);
}

static void one_slot_is_a_table(void **state) {
    (void)state;
    struct fixture f;
    open_table(&f, 1);
    for (unsigned i = 0; i < 10; i++) {
        const struct nonce_text n = issue(&f, START + i);
        assert_int_equal(use(&f, &n, i % 3, 1, START + i), NONCE_USE_OK);
        assert_int_equal(use(&f, &n, i % 3, 1, START + i), NONCE_USE_REPLAYED);
        assert_int_equal(nonce_table_live(f.table), 1);
    }
    close_table(&f);
}

struct counted {
    int held;
    int times;
};

static void acquire(void *owner) {
    struct counted *c = owner;
    assert_int_equal(c->held, 0);
    c->held++;
    c->times++;
}

static void release(void *owner) {
    struct counted *c = owner;
    assert_int_equal(c->held, 1);
    c->held--;
}

static void the_lock_is_taken_and_given_back(void **state) {
    (void)state;
    struct fixture f;
    struct counted counted = {0};
    uint8_t key[NONCE_KEY_LEN] = {7};
    open_table(&f, 4);
    nonce_table_free(f.table);
    f.table = nonce_table_new(4, key, 42, test_hash_key,
                              (struct policy_lock){&counted, acquire, release});
    struct nonce_text n = issue(&f, START);
    assert_int_equal(counted.times, 1); /* a look at the key */
    assert_int_equal(check(&f, &n, START), NONCE_FRESH);
    for (unsigned i = 0; i < 40; i++) {
        n = issue(&f, START + i);
        assert_int_equal(use(&f, &n, i % 7, 1, START + i), NONCE_USE_OK);
        assert_int_equal(use(&f, &n, 99, 1, START + i), NONCE_USE_EVICTED);
    }
    assert_int_equal(use(&f, &n, 1, 1, START + 10 * LIFE), NONCE_USE_EVICTED);
    assert_int_equal(nonce_table_live(f.table), 4);
    assert_int_equal(counted.held, 0);
    assert_int_equal(counted.times, 41 + 1 + 80 + 1 + 1);
    close_table(&f);
}

static void V28_the_previous_key_verifies(void **state) {
    (void)state;
    struct fixture f;
    uint8_t old_key[NONCE_KEY_LEN], key[NONCE_KEY_LEN], other[NONCE_KEY_LEN];
    memset(old_key, 7, sizeof(old_key)); /* that of open_table */
    memset(key, 8, sizeof(key));
    memset(other, 9, sizeof(other));
    open_table(&f, 4);
    const struct nonce_text first = issue(&f, START);
    const struct nonce_text used = issue(&f, START);
    assert_int_equal(use(&f, &used, ALICE, 1, START), NONCE_USE_OK);
    nonce_table_rekey(f.table, key, old_key);
    const struct nonce_text second = issue(&f, START);
    assert_int_equal(check(&f, &first, START), NONCE_FRESH);
    assert_int_equal(check(&f, &second, START), NONCE_FRESH);
    assert_int_equal(use(&f, &used, ALICE, 1, START), NONCE_USE_REPLAYED);
    nonce_table_rekey(f.table, other, key); /* the next change: the first key is forgotten */
    assert_int_equal(check(&f, &first, START), NONCE_FORGED);
    assert_int_equal(check(&f, &second, START), NONCE_FRESH);
    nonce_table_rekey(f.table, other, NULL);
    assert_int_equal(check(&f, &second, START), NONCE_FORGED);
    /* One with an entry was checked when the entry was made. */
    assert_int_equal(check(&f, &used, START), NONCE_FRESH);
    close_table(&f);
}

static void V28_a_kept_key_knows_the_nonces_before_a_restart(void **state) {
    (void)state;
    struct fixture f;
    open_table(&f, 4);
    const struct nonce_text n = issue(&f, START);
    nonce_table_free(f.table);
    f.table = table_of(4, 7, 43);
    assert_int_equal(check(&f, &n, START), NONCE_FOREIGN);
    assert_int_equal(use(&f, &n, ALICE, 1, START), NONCE_USE_EVICTED);
    assert_int_equal(nonce_issued_ms(str_of(n.text)), START);
    assert_int_equal(nonce_issued_ms(STR("none of ours")), 0);
    close_table(&f);
}

static void user_keys_differ(void **state) {
    (void)state;
    struct fixture f;
    open_table(&f, 4);
    assert_true(nonce_user_key(f.table, STR("alice")) == nonce_user_key(f.table, STR("alice")));
    assert_true(nonce_user_key(f.table, STR("alice")) != nonce_user_key(f.table, STR("Alice")));
    close_table(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_plain),
        cmocka_unit_test(V23_lifetime_ends_to_the_millisecond),
        cmocka_unit_test(V04_only_its_own_signature),
        cmocka_unit_test(V08_window),
        cmocka_unit_test(an_entry_belongs_to_one_user),
        cmocka_unit_test(V08_a_users_limit_is_the_users_own),
        cmocka_unit_test(V08_a_users_limit_with_equal_times),
        cmocka_unit_test(R05_a_full_table_lets_its_oldest_go),
        cmocka_unit_test(an_expired_entry_makes_room_first),
        cmocka_unit_test(expired_entries_leave_as_new_ones_come),
        cmocka_unit_test(V28_a_longer_lifetime_revives_nothing),
        cmocka_unit_test(one_slot_is_a_table),
        cmocka_unit_test(the_lock_is_taken_and_given_back),
        cmocka_unit_test(V28_the_previous_key_verifies),
        cmocka_unit_test(V28_a_kept_key_knows_the_nonces_before_a_restart),
        cmocka_unit_test(user_keys_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
