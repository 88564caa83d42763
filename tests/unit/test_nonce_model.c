/* The nonce table against a model that forgets nothing: a set of all (user, nonce, nc) that were
 * ever accepted. Random issues, uses, replays and waits; tables so small that everything is evicted
 * all the time. The table may refuse what the model would allow (it forgets), but never accepts
 * twice, never loses a nonce without need, and never holds more than it may. */
#include <pthread.h>

#include "tests/unit/auth_helper.h"

enum { NONCES = 3000, USERS = 5, NCS = 80, STEPS = 60000 };

struct model {
    struct nonce_text nonces[NONCES];
    uint64_t issued[NONCES];
    unsigned count;
    /* accepted[nonce][user] is a bit per nc below NCS. */
    uint8_t accepted[NONCES][USERS][NCS / 8];
};

struct world {
    struct nonce_table *table;
    struct hasher *hasher;
    struct model *model;
    uint8_t random[NONCE_RANDOM_LEN];
    uint64_t seed;
    uint64_t now;
    uint64_t life;
    unsigned users;
    unsigned ok, replayed, evicted;
};

static uint64_t draw(struct world *w, uint64_t below) {
    w->seed ^= w->seed << 13;
    w->seed ^= w->seed >> 7;
    w->seed ^= w->seed << 17;
    return w->seed % below;
}

static bool was_accepted(const struct model *m, unsigned nonce, unsigned user, unsigned nc) {
    return (m->accepted[nonce][user][nc / 8] >> nc % 8 & 1) != 0;
}

static void step_issue(struct world *w) {
    struct model *m = w->model;
    if (m->count == NONCES) return;
    m->issued[m->count] = w->now;
    m->nonces[m->count++] = nonce_from(w->table, w->hasher, w->now, w->random);
}

/* Mostly recent nonces, sometimes any that there ever was. */
static unsigned pick_nonce(struct world *w) {
    unsigned count = w->model->count;
    unsigned recent = count < 20 ? count : 20;
    if (draw(w, 4) == 0) return (unsigned)draw(w, count);
    return count - 1 - (unsigned)draw(w, recent);
}

static void step_use(struct world *w) {
    struct model *m = w->model;
    unsigned nonce = pick_nonce(w);
    unsigned user = nonce % 7 == 0 ? (unsigned)draw(w, w->users) : nonce % w->users;
    unsigned nc = 1 + (unsigned)draw(w, NCS - 1);
    struct str text = str_of(m->nonces[nonce].text);
    enum nonce_verdict fresh = nonce_check(w->table, w->hasher, text, w->now, w->life);
    assert_int_equal(fresh, w->now - m->issued[nonce] > w->life ? NONCE_EXPIRED : NONCE_FRESH);
    if (fresh != NONCE_FRESH) return;
    switch (nonce_use(w->table, text, user, nc, w->now, w->life)) {
    case NONCE_USE_OK:
        assert_false(was_accepted(m, nonce, user, nc));
        m->accepted[nonce][user][nc / 8] |= (uint8_t)(1u << nc % 8);
        w->ok++;
        break;
    case NONCE_USE_REPLAYED:
        w->replayed++;
        break;
    case NONCE_USE_EVICTED:
        w->evicted++;
        break;
    }
}

static void run(size_t capacity, uint64_t seed, unsigned slowness, unsigned users) {
    struct world w = {.table = table_of(capacity, 7, 42),
                      .hasher = hasher_new(),
                      .model = calloc(1, sizeof(struct model)),
                      .seed = seed,
                      .now = START,
                      .life = users == 1 ? LIFE : 1000,
                      .users = users};
    assert_non_null(w.model);
    for (unsigned i = 0; i < STEPS; i++) {
        if (i == 0 || draw(&w, 16) == 0) step_issue(&w);
        if (draw(&w, slowness) == 0) w.now += draw(&w, 50);
        /* A reload that changes the lifetime, both ways. */
        if (users > 1 && draw(&w, 5000) == 0) w.life = 200 + draw(&w, 3000);
        step_use(&w);
        assert_true(nonce_table_live(w.table) <= capacity);
    }
    /* The run was worth something: all three answers came, and not by accident. */
    assert_true(w.ok > 1000);
    assert_true(w.replayed > 100);
    assert_true(w.evicted > 100);
    nonce_table_free(w.table);
    hasher_free(w.hasher);
    free(w.model);
}

static void V08_never_twice(void **state) {
    (void)state;
    static const size_t capacities[] = {2, 3, 16, 17, 100, 1000};
    for (size_t i = 0; i < ARRAY_LEN(capacities); i++) {
        run(capacities[i], 88172645463325252u + i, 4, USERS);
        run(capacities[i], 1234567890123u + i, 40, USERS); /* many in one millisecond */
    }
    /* One user who is always at the limit, below and at the end of the table. */
    run(2000, 42, 4, 1);
    run(2000, 43, 40, 1);
    run(NONCE_PER_USER + 1, 44, 4, 1);
    run(NONCE_PER_USER - 1, 45, 4, 1);
}

/* While a table has room and a user is below the limit, every first use is accepted. */
static void V08_nothing_is_lost_without_need(void **state) {
    (void)state;
    struct hasher *hasher = hasher_new();
    struct nonce_table *t = table_of(2000, 7, 42);
    uint8_t random[NONCE_RANDOM_LEN] = {0};
    static struct nonce_text n[2000];
    for (unsigned i = 0; i < 2000; i++) n[i] = nonce_from(t, hasher, START + i / 10, random);
    for (unsigned i = 0; i < 2000; i++) {
        unsigned at = i * 1237 % 2000; /* in no order of time */
        struct str text = str_of(n[at].text);
        assert_int_equal(nonce_use(t, text, at % 10, 1, START + 200, LIFE), NONCE_USE_OK);
    }
    for (unsigned i = 0; i < 2000; i++) {
        struct str text = str_of(n[i].text);
        assert_int_equal(nonce_use(t, text, i % 10, 2, START + 200, LIFE), NONCE_USE_OK);
    }
    assert_int_equal(nonce_table_live(t), 2000);
    nonce_table_free(t);
    hasher_free(hasher);
}

/* ---- Workers share one table ---- */

enum { WORKERS = 4, SHARED = 50, SHARED_NCS = 64 };

struct crowd {
    pthread_mutex_t mutex;
    struct nonce_table *table;
    struct nonce_text nonces[SHARED];
};

struct member {
    struct crowd *crowd;
    unsigned start; /* each begins elsewhere */
    unsigned accepted;
};

static void acquire(void *owner) {
    (void)pthread_mutex_lock(owner);
}

static void release(void *owner) {
    (void)pthread_mutex_unlock(owner);
}

static void *try_everything(void *argument) {
    struct member *m = argument;
    struct hasher *hasher = hasher_new();
    for (unsigned i = 0; i < SHARED * SHARED_NCS; i++) {
        unsigned at = (i + m->start) % (SHARED * SHARED_NCS);
        struct str text = str_of(m->crowd->nonces[at % SHARED].text);
        if (nonce_check(m->crowd->table, hasher, text, START, LIFE) != NONCE_FRESH) continue;
        m->accepted +=
            nonce_use(m->crowd->table, text, 1, 1 + at / SHARED, START, LIFE) == NONCE_USE_OK;
    }
    hasher_free(hasher);
    return NULL;
}

static void V08_workers_accept_each_nc_once(void **state) {
    (void)state;
    static struct crowd crowd = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    struct member members[WORKERS];
    pthread_t threads[WORKERS];
    uint8_t key[NONCE_KEY_LEN] = {1};
    uint8_t random[NONCE_RANDOM_LEN] = {0};
    struct hasher *hasher = hasher_new();
    crowd.table = nonce_table_new(1000, key, 1, test_hash_key,
                                  (struct policy_lock){&crowd.mutex, acquire, release});
    for (unsigned i = 0; i < SHARED; i++)
        crowd.nonces[i] = nonce_from(crowd.table, hasher, START, random);
    for (unsigned i = 0; i < WORKERS; i++) {
        members[i] = (struct member){.crowd = &crowd, .start = i * 17};
        assert_int_equal(pthread_create(&threads[i], NULL, try_everything, &members[i]), 0);
    }
    unsigned accepted = 0;
    for (unsigned i = 0; i < WORKERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        accepted += members[i].accepted;
    }
    assert_int_equal(accepted, SHARED * SHARED_NCS);
    nonce_table_free(crowd.table);
    hasher_free(hasher);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(V08_workers_accept_each_nc_once),
        cmocka_unit_test(V08_never_twice),
        cmocka_unit_test(V08_nothing_is_lost_without_need),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
