/* Copies are found by what they are of, count for a time, and stay within their memory. */
#include "proxy/run/asset_cache.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Behind the four headers that it needs. */
#include <cmocka.h>

#define ROOM    65536
#define LONGEST 16384
#define AGE_MS  1000

static const uint64_t hash_key[2] = {1, 2};
static const struct config_asset_cache limits = {ROOM, LONGEST, AGE_MS};
static const uint8_t id[8] = {0, 1, 2, 3, 4, 5, 6, 7};
static const struct header plain[] = {{{"Content-Type", 12}, {"text/css", 8}},
                                      {{"Server", 6}, {"snom", 4}}};
static const struct header with_tag[] = {{{"ETag", 4}, {"\"v1\"", 4}},
                                         {{"Content-Type", 12}, {"text/css", 8}}};
static const struct header with_date[] = {{{"last-modified", 13}, {"Monday", 6}}};

static struct asset_key key_of(const char *target) {
    return (struct asset_key){.phone = 7, .target = str_of(target)};
}

static struct asset *begin(struct asset_cache *c, const char *target, uint64_t length) {
    struct asset_key key = key_of(target);
    return asset_cache_begin(c, &key, plain, ARRAY_LEN(plain), length);
}

/* Keep `len` octets under this key; false where there was no room. */
static bool keep_as(struct asset_cache *c, const struct asset_key *key,
                    const struct header *headers, size_t count, size_t len) {
    char octets[LONGEST] = {0};
    struct asset *asset = asset_cache_begin(c, key, headers, count, len);
    if (asset == NULL) return false;
    memset(octets, key->target.ptr[1], len);
    assert_true(asset_cache_add(c, asset, (struct str){octets, len}));
    asset_cache_keep(c, asset, id, 0);
    return true;
}

static bool keep(struct asset_cache *c, const char *target, size_t len) {
    struct asset_key key = key_of(target);
    return keep_as(c, &key, plain, ARRAY_LEN(plain), len);
}

static enum asset_verdict find_as(struct asset_cache *c, const struct asset_key *key, bool recheck,
                                  uint64_t now_ms) {
    struct asset *asset;
    enum asset_verdict verdict = asset_cache_find(c, key, recheck, now_ms, &asset);
    assert_true((asset != NULL) == (verdict != ASSET_NONE));
    asset_cache_release(c, asset);
    return verdict;
}

static enum asset_verdict find(struct asset_cache *c, const char *target, uint64_t now_ms) {
    struct asset_key key = key_of(target);
    return find_as(c, &key, false, now_ms);
}

static void a_copy_is_what_was_kept(void **state) {
    (void)state;
    struct asset_cache *c = asset_cache_new(hash_key, &limits);
    struct asset_key key = key_of("/a");
    struct asset *asset;
    assert_true(keep_as(c, &key, with_tag, ARRAY_LEN(with_tag), 3));
    assert_int_equal(asset_cache_find(c, &key, false, 0, &asset), ASSET_FRESH);
    assert_true(str_equal(asset->body, STR("aaa")));
    assert_true(str_equal(asset->validators.tag, STR("\"pg-0001020304050607\"")));
    assert_true(str_equal(asset->validators.phone_tag, STR("\"v1\"")));
    assert_int_equal(asset->validators.last_modified.len, 0);
    assert_int_equal(asset->header_count, 1); /* the phone's ETag is not shown */
    assert_true(str_equal(asset->headers[0].name, STR("Content-Type")));
    assert_true(str_equal(asset->headers[0].value, STR("text/css")));
    assert_int_equal(asset_cache_age(c, asset, 500), 500);
    asset_cache_release(c, asset);
    asset_cache_free(c);
}

static void only_fields_that_stay_are_kept(void **state) {
    (void)state;
    struct asset_cache *c = asset_cache_new(hash_key, &limits);
    struct asset_key key = key_of("/a");
    struct asset *asset;
    assert_true(keep(c, "/a", 3));
    assert_int_equal(asset_cache_find(c, &key, false, 0, &asset), ASSET_FRESH);
    assert_int_equal(asset->header_count, 1); /* not Server */
    asset_cache_release(c, asset);
    asset_cache_free(c);
}

static void every_part_of_the_key_counts(void **state) {
    (void)state;
    struct asset_cache *c = asset_cache_new(hash_key, &limits);
    struct asset_key key = key_of("/a");
    assert_true(keep(c, "/a", 3));
    key.account = 1;
    assert_int_equal(find_as(c, &key, false, 0), ASSET_NONE);
    key = key_of("/a");
    key.phone = 8;
    assert_int_equal(find_as(c, &key, false, 0), ASSET_NONE);
    assert_int_equal(find(c, "/A", 0), ASSET_NONE);
    assert_int_equal(find(c, "/a?", 0), ASSET_NONE);
    assert_int_equal(find(c, "/a", 0), ASSET_FRESH);
    asset_cache_free(c);
}

static void an_older_generation_is_dropped(void **state) {
    (void)state;
    struct asset_cache *c = asset_cache_new(hash_key, &limits);
    struct asset_key key = key_of("/a");
    assert_true(keep_as(c, &key, with_tag, ARRAY_LEN(with_tag), 3));
    key.generation = 1;
    assert_int_equal(find_as(c, &key, false, 0), ASSET_NONE);
    assert_int_equal(asset_cache_numbers(c).copies, 0);
    assert_int_equal(asset_cache_numbers(c).bytes, 0);
    asset_cache_free(c);
}

static void age_ends_a_copy_without_validators(void **state) {
    (void)state;
    struct asset_cache *c = asset_cache_new(hash_key, &limits);
    assert_true(keep(c, "/a", 3));
    assert_int_equal(find(c, "/a", AGE_MS - 1), ASSET_FRESH);
    assert_int_equal(find(c, "/a", AGE_MS), ASSET_NONE);
    assert_int_equal(asset_cache_numbers(c).copies, 0);
    asset_cache_free(c);
}

static void a_copy_with_validators_is_asked_about_and_young_again(void **state) {
    (void)state;
    struct asset_cache *c = asset_cache_new(hash_key, &limits);
    struct asset_key tagged = key_of("/a"), dated = key_of("/b");
    struct asset *asset;
    assert_true(keep_as(c, &tagged, with_tag, ARRAY_LEN(with_tag), 3));
    assert_true(keep_as(c, &dated, with_date, ARRAY_LEN(with_date), 3));
    assert_int_equal(find(c, "/b", AGE_MS), ASSET_STALE);
    assert_int_equal(asset_cache_find(c, &tagged, false, AGE_MS, &asset), ASSET_STALE);
    asset_cache_confirm(c, asset, AGE_MS);
    asset_cache_confirm(c, asset, AGE_MS - 5); /* another worker's clock */
    assert_int_equal(asset_cache_age(c, asset, AGE_MS + 1), 1);
    assert_int_equal(asset_cache_age(c, asset, AGE_MS - 1), 0);
    asset_cache_release(c, asset);
    assert_int_equal(find(c, "/a", 2 * AGE_MS - 1), ASSET_FRESH);
    assert_int_equal(find(c, "/a", 2 * AGE_MS), ASSET_STALE);
    asset_cache_free(c);
}

static void a_reload_asks_about_the_youngest(void **state) {
    (void)state;
    struct asset_cache *c = asset_cache_new(hash_key, &limits);
    struct asset_key tagged = key_of("/a"), bare = key_of("/b");
    assert_true(keep_as(c, &tagged, with_tag, ARRAY_LEN(with_tag), 3));
    assert_true(keep(c, "/b", 3));
    assert_int_equal(find_as(c, &tagged, true, 0), ASSET_STALE);
    assert_int_equal(find_as(c, &bare, true, 0), ASSET_NONE);
    assert_int_equal(find(c, "/a", 0), ASSET_FRESH);
    assert_int_equal(find(c, "/b", 0), ASSET_NONE);
    asset_cache_free(c);
}

static void limit_object_bytes(void **state) {
    (void)state;
    struct asset_cache *c = asset_cache_new(hash_key, &limits);
    char octets[LONGEST] = {0};
    assert_null(begin(c, "/a", LONGEST + 1));
    struct asset *asset = begin(c, "/a", LONGEST);
    assert_non_null(asset);
    asset_cache_release(c, asset);
    asset = begin(c, "/a", 0); /* no length announced */
    assert_true(asset_cache_add(c, asset, (struct str){octets, LONGEST}));
    assert_false(asset_cache_add(c, asset, STR("x")));
    asset_cache_release(c, asset);
    asset = begin(c, "/a", 0);
    for (size_t i = 0; i < LONGEST; i += 1024)
        assert_true(asset_cache_add(c, asset, (struct str){octets, 1024}));
    assert_int_equal(asset->body.len, LONGEST);
    asset_cache_keep(c, asset, id, 0);
    assert_int_equal(find(c, "/a", 0), ASSET_FRESH);
    asset_cache_free(c);
}

static void limit_of_fields(void **state) {
    (void)state;
    struct asset_cache *c = asset_cache_new(hash_key, &limits);
    static char text[ASSET_FIELDS_MAX];
    memset(text, 'x', sizeof(text));
    struct header header = {STR("Vary"), {text, ASSET_FIELDS_MAX - 4}};
    struct asset_key key = key_of("/a");
    assert_true(keep_as(c, &key, &header, 1, 3));
    header.value.len++;
    assert_false(keep_as(c, &key, &header, 1, 3));
    header.name = STR("Server"); /* does not stay */
    assert_true(keep_as(c, &key, &header, 1, 3));
    asset_cache_free(c);
}

static void limit_bytes_the_one_used_longest_ago_goes(void **state) {
    (void)state;
    struct asset_cache *c = asset_cache_new(hash_key, &limits);
    assert_true(keep(c, "/a", 15000) && keep(c, "/b", 15000) && keep(c, "/c", 15000));
    assert_true(keep(c, "/d", 15000));
    assert_int_equal(find(c, "/a", 0), ASSET_FRESH); /* used: /b is the oldest now */
    assert_true(keep(c, "/e", 15000));
    assert_int_equal(find(c, "/b", 0), ASSET_NONE);
    assert_int_equal(find(c, "/a", 0), ASSET_FRESH);
    assert_int_equal(find(c, "/e", 0), ASSET_FRESH);
    struct asset_numbers numbers = asset_cache_numbers(c);
    assert_int_equal(numbers.copies, 4);
    assert_true(numbers.bytes > 60000 && numbers.bytes <= ROOM);
    asset_cache_free(c);
}

static void what_is_held_or_collected_counts_too(void **state) {
    (void)state;
    struct asset_cache *c = asset_cache_new(hash_key, &limits);
    struct asset *held[4];
    const char *names[] = {"/a", "/b", "/c", "/d"};
    for (size_t i = 0; i < 4; i++) {
        struct asset_key key = key_of(names[i]);
        assert_true(keep(c, names[i], 15000));
        assert_int_equal(asset_cache_find(c, &key, false, 0, &held[i]), ASSET_FRESH);
    }
    assert_null(begin(c, "/e", 15000)); /* all four are gone from the table, and still in memory */
    assert_int_equal(asset_cache_numbers(c).copies, 0);
    assert_true(asset_cache_numbers(c).bytes > 60000);
    assert_int_equal(held[0]->body.ptr[14999], 'a');
    asset_cache_release(c, held[0]);
    struct asset *collected = begin(c, "/e", 15000);
    assert_non_null(collected);
    assert_null(begin(c, "/f", 15000));
    asset_cache_release(c, collected);
    for (size_t i = 1; i < 4; i++) asset_cache_release(c, held[i]);
    assert_int_equal(asset_cache_numbers(c).bytes, 0);
    asset_cache_free(c);
}

static void spare_room_is_given_back(void **state) {
    (void)state;
    struct asset_cache *c = asset_cache_new(hash_key, &limits);
    struct asset *asset = begin(c, "/a", 0);
    assert_true(asset_cache_add(c, asset, STR("abc")));
    assert_true(asset_cache_numbers(c).bytes >= 8192);
    asset_cache_keep(c, asset, id, 0);
    assert_true(asset_cache_numbers(c).bytes < 1024);
    asset_cache_free(c);
}

static void a_newer_copy_takes_the_place_and_the_older_stays_readable(void **state) {
    (void)state;
    struct asset_cache *c = asset_cache_new(hash_key, &limits);
    struct asset_key key = key_of("/a");
    struct asset *old, *now;
    assert_true(keep(c, "/a", 3));
    assert_int_equal(asset_cache_find(c, &key, false, 0, &old), ASSET_FRESH);
    assert_true(keep(c, "/a", 5));
    assert_int_equal(asset_cache_find(c, &key, false, 0, &now), ASSET_FRESH);
    assert_int_equal(now->body.len, 5);
    assert_true(str_equal(old->body, STR("aaa")));
    assert_int_equal(asset_cache_numbers(c).copies, 1);
    asset_cache_release(c, old);
    asset_cache_release(c, now);
    asset_cache_free(c);
}

static void a_lower_limit_counts_at_once(void **state) {
    (void)state;
    struct asset_cache *c = asset_cache_new(hash_key, &limits);
    struct config_asset_cache less = limits;
    assert_true(keep(c, "/a", 15000) && keep(c, "/b", 15000));
    struct asset *asset = begin(c, "/c", 15000);
    assert_true(asset_cache_add(c, asset, STR("abc")));
    less.bytes = 20000;
    asset_cache_set_limits(c, &less);
    assert_int_equal(asset_cache_numbers(c).copies, 0);
    less.bytes = 0;
    asset_cache_set_limits(c, &less);
    asset_cache_keep(c, asset, id, 0); /* too late */
    assert_int_equal(asset_cache_numbers(c).bytes, 0);
    assert_null(begin(c, "/a", 3));
    asset_cache_free(c);
}

static void results_are_counted_and_named(void **state) {
    (void)state;
    struct asset_cache *c = asset_cache_new(hash_key, &limits);
    asset_cache_count(c, ASSET_RESULT_HIT);
    asset_cache_count(c, ASSET_RESULT_HIT);
    asset_cache_count(c, ASSET_RESULT_MISS);
    struct asset_numbers numbers = asset_cache_numbers(c);
    assert_int_equal(numbers.results[ASSET_RESULT_HIT], 2);
    assert_int_equal(numbers.results[ASSET_RESULT_MISS], 1);
    assert_int_equal(numbers.results[ASSET_RESULT_REVALIDATED], 0);
    assert_null(asset_result_name(ASSET_RESULT_NONE));
    assert_string_equal(asset_result_name(ASSET_RESULT_HIT), "hit");
    assert_string_equal(asset_result_name(ASSET_RESULT_MISS), "miss");
    assert_string_equal(asset_result_name(ASSET_RESULT_REVALIDATED), "revalidated");
    asset_cache_free(c);
}

/* ---- several threads ---- */

#define ROUNDS 2000

struct busy {
    struct asset_cache *cache;
    unsigned seed;
    bool wrong;
};

static void *be_busy(void *argument) {
    struct busy *b = argument;
    for (unsigned i = 0; i < ROUNDS; i++) {
        char target[3] = {'/', (char)('a' + (i * 7 + b->seed) % 13), '\0'};
        struct asset_key key = key_of(target);
        struct asset *asset;
        key.generation = i / 500;
        if (asset_cache_find(b->cache, &key, false, i, &asset) == ASSET_NONE) {
            (void)keep_as(b->cache, &key, with_tag, ARRAY_LEN(with_tag), 100 + 1000 * (i % 13));
            continue;
        }
        for (size_t k = 0; k < asset->body.len; k += 97)
            if (asset->body.ptr[k] != target[1]) b->wrong = true;
        asset_cache_confirm(b->cache, asset, i);
        asset_cache_release(b->cache, asset);
    }
    return NULL;
}

static void threads_share_it(void **state) {
    (void)state;
    struct asset_cache *c = asset_cache_new(hash_key, &limits);
    struct busy busy[4];
    pthread_t threads[4];
    for (unsigned i = 0; i < 4; i++) {
        busy[i] = (struct busy){.cache = c, .seed = i * 3};
        assert_int_equal(pthread_create(&threads[i], NULL, be_busy, &busy[i]), 0);
    }
    for (unsigned i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < 4; i++) assert_false(busy[i].wrong);
    assert_true(asset_cache_numbers(c).bytes <= ROOM);
    asset_cache_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_what_was_kept),
        cmocka_unit_test(only_fields_that_stay_are_kept),
        cmocka_unit_test(every_part_of_the_key_counts),
        cmocka_unit_test(an_older_generation_is_dropped),
        cmocka_unit_test(age_ends_a_copy_without_validators),
        cmocka_unit_test(a_copy_with_validators_is_asked_about_and_young_again),
        cmocka_unit_test(a_reload_asks_about_the_youngest),
        cmocka_unit_test(limit_object_bytes),
        cmocka_unit_test(limit_of_fields),
        cmocka_unit_test(limit_bytes_the_one_used_longest_ago_goes),
        cmocka_unit_test(what_is_held_or_collected_counts_too),
        cmocka_unit_test(spare_room_is_given_back),
        cmocka_unit_test(a_newer_copy_takes_the_place_and_the_older_stays_readable),
        cmocka_unit_test(a_lower_limit_counts_at_once),
        cmocka_unit_test(results_are_counted_and_named),
        cmocka_unit_test(threads_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
