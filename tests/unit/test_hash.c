/* The hashes of Digest against published vectors. */
#include "policy/base/hash.h"

#include "policy/base/outbuf.h"
#include "tests/unit/auth_helper.h"

static void V03_R31_published_vectors(void **state) {
    (void)state;
    static const struct {
        enum hash_alg alg;
        const char *text;
        const char *hex;
    } rows[] = {
        {HASH_MD5, "", "d41d8cd98f00b204e9800998ecf8427e"},
        {HASH_MD5, "abc", "900150983cd24fb0d6963f7d28e17f72"}, /* RFC 1321 A.5 */
        {HASH_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        /* FIPS 180-4's own initial values: not the first half of SHA-512("abc"), ddaf35a1... */
        {HASH_SHA512_256, "abc",
         "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"},
    };
    struct hasher *h = hasher_new();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char hex[HASH_MAX_HEX + 1] = {0};
        struct str part = str_of(rows[i].text);
        assert_true(hasher_has(h, rows[i].alg));
        assert_true(hash_parts_hex(h, rows[i].alg, &part, 1, hex));
        assert_string_equal(hex, rows[i].hex);
        assert_int_equal(strlen(hex), 2 * hash_len(rows[i].alg));
    }
    hasher_free(h);
    hasher_free(NULL);
}

/* However the text is cut, and also where the parts are more than are gathered at once. */
static void parts_are_one_text(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 63, 64, 65, 511, 512, 513, 2000};
    struct hasher *h = hasher_new();
    char text[2000];
    for (size_t i = 0; i < sizeof(text); i++) text[i] = (char)('a' + i % 26);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (size_t alg = 0; alg < HASH_ALGS; alg++) {
            uint8_t whole[HASH_MAX_LEN];
            uint8_t cut[HASH_MAX_LEN];
            char want[65], got[65] = {0};
            const struct str one = {text, sizes[i]};
            const struct str three[] = {str_part(one, 0, sizes[i] / 3), STR_NONE,
                                        str_part(one, sizes[i] / 3, sizes[i])};
            struct outbuf out;
            assert_true(hash_parts(h, (enum hash_alg)alg, &one, 1, whole));
            assert_true(hash_parts(h, (enum hash_alg)alg, three, 3, cut));
            assert_memory_equal(whole, cut, hash_len((enum hash_alg)alg));
            outbuf_init(&out, got, sizeof(got));
            outbuf_hex(&out, whole, hash_len((enum hash_alg)alg));
            hex_of((enum hash_alg)alg, want, STR_FMT, STR_ARG(one));
            assert_string_equal(got, want);
        }
    }
    hasher_free(h);
}

/* RFC 4231 has no key of 32 octets; test case 1's key is 20 octets, and zeros behind a key do not
 * change it (RFC 2104 pads with them). */
static void hmac_rfc4231_case_1(void **state) {
    (void)state;
    uint8_t key[32] = {0};
    uint8_t mac[32];
    char hex[65] = {0};
    struct outbuf out;
    struct hasher *h = hasher_new();
    memset(key, 0x0b, 20);
    assert_true(hash_hmac_sha256(h, key, STR("Hi There"), mac));
    outbuf_init(&out, hex, sizeof(hex));
    outbuf_hex(&out, mac, sizeof(mac));
    assert_string_equal(hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    hasher_free(h);
}

static void names_and_lengths(void **state) {
    (void)state;
    assert_true(str_equal(hash_name(HASH_MD5), STR("MD5")));
    assert_true(str_equal(hash_name(HASH_SHA256), STR("SHA-256")));
    assert_true(str_equal(hash_name(HASH_SHA512_256), STR("SHA-512-256")));
    assert_int_equal(hash_len(HASH_MD5), 16);
    assert_int_equal(hash_len(HASH_SHA256), 32);
    assert_int_equal(hash_len(HASH_SHA512_256), 32);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(V03_R31_published_vectors),
        cmocka_unit_test(parts_are_one_text),
        cmocka_unit_test(hmac_rfc4231_case_1),
        cmocka_unit_test(names_and_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
