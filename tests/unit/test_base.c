/* Memory, text, encodings, hashes and the request view that policy is built on. */
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/base/arena.h"
#include "policy/base/bytes.h"
#include "policy/base/hash.h"
#include "policy/base/outbuf.h"
#include "policy/base/request.h"

static void is(struct str got, const char *wanted) {
    if (!str_equal(got, str_of(wanted))) {
        fail_msg("\"" STR_FMT "\", \"%s\" wanted", STR_ARG(got), wanted);
    }
}

static void arena_hands_out_aligned_memory_up_to_its_cap(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 10000);
    size_t pieces = 0;
    for (char *piece = arena_alloc(&a, 33); piece != NULL; piece = arena_alloc(&a, 33)) {
        assert_int_equal((uintptr_t)piece % alignof(max_align_t), 0);
        memset(piece, 0xAA, 33); /* a sanitizer sees overlaps with the blocks' ends */
        pieces++;
    }
    assert_int_equal(pieces, 10000 / 48);
    assert_null(arena_copy(&a, STR("more than is left, whatever that is, is refused")).ptr);
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 9000)); /* larger than a block */
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 7));
    arena_reset(&a);
    assert_int_equal(a.used, 0);
    arena_release(&a);
    assert_null(a.blocks);
}

static void arena_keeps_one_block_over_a_reset(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 100000);
    void *first = arena_alloc(&a, 10);
    for (int i = 0; i < 20; i++) assert_non_null(arena_alloc(&a, 1000));
    arena_reset(&a);
    assert_ptr_equal(arena_alloc(&a, 10), first);
    arena_release(&a);
}

static void arena_copies_end_with_nul(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 100);
    struct str copy = arena_copy(&a, STR("abc"));
    is(copy, "abc");
    assert_int_equal(copy.ptr[3], '\0');
    copy = arena_copy(&a, STR_NONE);
    assert_non_null(copy.ptr);
    assert_int_equal(copy.len, 0);
    arena_release(&a);
}

static void outbuf_writes_and_says_when_full(void **state) {
    (void)state;
    char memory[32];
    struct outbuf out;
    outbuf_init(&out, memory, sizeof(memory));
    outbuf_put(&out, STR("n="));
    outbuf_u64(&out, 0);
    outbuf_char(&out, ',');
    outbuf_u64(&out, UINT64_MAX);
    outbuf_hex(&out, (const uint8_t[]){0x00, 0xAF, 0x10}, 3);
    assert_false(out.full);
    is(outbuf_str(&out), "n=0,1844674407370955161500af10");
    outbuf_put(&out, STR("xyz"));
    assert_true(out.full);
    assert_int_equal(out.len, 30);
    outbuf_put(&out, STR("xy")); /* fits, but what stands there is no longer whole */
    assert_true(out.full);
}

static void bytes_in_hex(void **state) {
    (void)state;
    uint8_t out[2];
    assert_true(bytes_from_hex(STR("0aFf"), out, 2));
    assert_memory_equal(out, ((uint8_t[]){0x0a, 0xff}), 2);
    const char *bad[] = {"", "0aF", "0aFf0", "0aFg", "0x0a", " 0aF", "0a f"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(bytes_from_hex(str_of(bad[i]), out, 2));
    }
}

static void bytes_in_base64url_have_one_spelling(void **state) {
    (void)state;
    const uint8_t octets[] = {0xfb, 0xff, 0xfe, 0x01};
    const char *texts[] = {"", "-w", "-_8", "-__-", "-__-AQ"};
    for (size_t len = 0; len <= 4; len++) {
        char text[BYTES_B64_LEN(4)];
        uint8_t back[4];
        bytes_to_b64(octets, len, text);
        is((struct str){text, BYTES_B64_LEN(len)}, texts[len]);
        assert_true(bytes_from_b64(str_of(texts[len]), back, len));
        assert_memory_equal(back, octets, len);
    }
    uint8_t out[4];
    const char *bad[] = {"-_9", "-_-", "-_", "-_8=", "-_8A", "+_8", "-/8", "-_ ", "-_\xC3"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (bytes_from_b64(str_of(bad[i]), out, 2)) fail_msg("\"%s\" passed", bad[i]);
    }
}

static void bytes_compare_wipe_and_big_endian(void **state) {
    (void)state;
    assert_true(bytes_equal_ct("abc", "abc", 3));
    assert_false(bytes_equal_ct("abc", "abd", 3));
    assert_true(bytes_equal_ct("abc", "xyz", 0));
    char secret[] = "secret";
    bytes_wipe(secret, sizeof(secret));
    assert_memory_equal(secret, "\0\0\0\0\0\0", sizeof(secret));
    uint8_t wire[8];
    bytes_put_u64(wire, 0x0102030405060708);
    assert_memory_equal(wire, ((uint8_t[]){1, 2, 3, 4, 5, 6, 7, 8}), 8);
    assert_true(bytes_get_u64(wire) == 0x0102030405060708);
}

static void hashes_of_abc(void **state) {
    (void)state;
    const struct {
        enum hash_alg alg;
        const char *name, *hex;
    } rows[] = {
        {HASH_MD5, "MD5", "900150983cd24fb0d6963f7d28e17f72"},
        {HASH_SHA256, "SHA-256",
         "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {HASH_SHA512_256, "SHA-512-256",
         "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"},
    };
    struct hasher *h = hasher_new();
    const struct str parts[] = {STR("a"), STR(""), STR("bc")};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char hex[HASH_MAX_HEX];
        if (!hasher_has(h, rows[i].alg)) continue; /* no MD5 under FIPS */
        assert_true(hash_parts_hex(h, rows[i].alg, parts, 3, hex));
        is((struct str){hex, 2 * hash_len(rows[i].alg)}, rows[i].hex);
        is(hash_name(rows[i].alg), rows[i].name);
    }
    hasher_free(h);
    hasher_free(NULL);
}

/* RFC 4231 case 1; a key of 20 octets and one filled up with zeros are the same to HMAC. */
static void hmac_of_rfc_4231(void **state) {
    (void)state;
    uint8_t key[32] = {0};
    uint8_t wanted[32];
    uint8_t out[32];
    memset(key, 0x0b, 20);
    struct hasher *h = hasher_new();
    assert_true(bytes_from_hex(
        STR("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"), wanted, 32));
    assert_true(hash_hmac_sha256(h, key, STR("Hi There"), out));
    assert_memory_equal(out, wanted, 32);
    hasher_free(h);
}

static void request_headers_and_methods(void **state) {
    (void)state;
    const struct header headers[] = {
        {STR("Accept"), STR("a")}, {STR("accept"), STR("b")}, {STR("Host"), STR("h")}};
    const struct request_view req = {.headers = headers, .header_count = ARRAY_LEN(headers)};
    is(request_header(&req, STR("ACCEPT")), "a");
    assert_null(request_header(&req, STR("Cookie")).ptr);
    assert_int_equal(request_header_count(&req, STR("Accept")), 2);
    assert_int_equal(request_header_count(&req, STR("Cookie")), 0);
    for (unsigned i = 0; i < METHODS; i++) {
        enum method method = METHODS;
        assert_true(method_from(method_name((enum method)i), &method));
        assert_int_equal(method, i);
    }
    enum method method;
    assert_false(method_from(STR("get"), &method));
    assert_false(method_from(STR("TRACE"), &method));
    assert_false(method_from(STR(""), &method));
    assert_true(method_is_safe(METHOD_HEAD));
    assert_false(method_is_safe(METHOD_POST));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_hands_out_aligned_memory_up_to_its_cap),
        cmocka_unit_test(arena_keeps_one_block_over_a_reset),
        cmocka_unit_test(arena_copies_end_with_nul),
        cmocka_unit_test(outbuf_writes_and_says_when_full),
        cmocka_unit_test(bytes_in_hex),
        cmocka_unit_test(bytes_in_base64url_have_one_spelling),
        cmocka_unit_test(bytes_compare_wipe_and_big_endian),
        cmocka_unit_test(hashes_of_abc),
        cmocka_unit_test(hmac_of_rfc_4231),
        cmocka_unit_test(request_headers_and_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
