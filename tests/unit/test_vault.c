/* The vault: what is put in comes out, and only with its key; limits; two writers. */
#include <openssl/sha.h>

#include "policy/base/outbuf.h"
#include "proxy/vault/vault_seal.h"
#include "vault_fixture.h"

#define PASS STR("http_pass")

static int setup(void **state) {
    static struct vault_fixture f;
    vault_fixture_init(&f);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    vault_fixture_deinit(*state);
    return 0;
}

static void assert_value(const struct vault *v, const char *phone, enum vault_which which,
                         const char *wanted) {
    struct str value = vault_fixture_get(v, phone, which);
    assert_int_equal(value.len, strlen(wanted));
    assert_memory_equal(value.ptr, wanted, value.len);
}

static bool opens(struct vault_fixture *f) {
    struct vault *v = vault_open(f->path, &f->source, false, f->error, sizeof(f->error));
    vault_close(v);
    return v != NULL;
}

static void assert_refused(struct vault_fixture *f, const char *why) {
    assert_false(opens(f));
    if (strstr(f->error, why) == NULL) fail_msg("\"%s\" is not in: %s", why, f->error);
}

static void values_come_back(void **state) {
    struct vault_fixture *f = *state;
    vault_fixture_fill(f);
    struct vault *v = vault_fixture_open(f, false);
    assert_value(v, "101", VAULT_CURRENT, "first-secret");
    assert_value(v, "101", VAULT_CANDIDATE, "next-secret");
    assert_value(v, "102", VAULT_CURRENT, "other-secret");
    assert_value(v, "102", VAULT_CANDIDATE, "");
    assert_value(v, "103", VAULT_CURRENT, "");
    assert_int_equal(vault_generation(v), 1);
    size_t at = 0;
    char damage[200];
    assert_false(vault_damage(v, &at, damage, sizeof(damage)));
    vault_close(v);
}

static void the_file_is_ours_alone_and_holds_no_value_in_clear(void **state) {
    struct vault_fixture *f = *state;
    vault_fixture_fill(f);
    char text[VAULT_TEXT_MAX];
    size_t len = vault_fixture_read(f->path, text);
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_null(memmem(text, len, "secret", 6));
    /* Nor the length: 12 and 11 octets give lines of the same length, but for the names. */
    size_t lengths[8], count = 0;
    struct str rest = {text, len}, line;
    while (str_split(&rest, '\n', &line) && line.len > 0) lengths[count++] = line.len;
    assert_int_equal(count, 5);
    assert_int_equal(lengths[3], lengths[2] + 2); /* candidate, current */
    assert_int_equal(lengths[4], lengths[2]);
}

static void the_same_value_is_never_sealed_alike(void **state) {
    struct vault_fixture *f = *state;
    struct vault_memory memory = {NULL};
    struct vault_secret secret;
    struct vault_cipher cipher;
    char one[200], two[200];
    uint8_t tag[VAULT_TAG_LEN];
    assert_true(vault_key_read(&f->source, &memory, &secret, f->error, sizeof(f->error)));
    assert_null(vault_cipher_make(&secret, &cipher));
    assert_true(vault_seal(&cipher, STR("a"), STR("text"), one, tag));
    assert_true(vault_seal(&cipher, STR("a"), STR("text"), two, tag));
    assert_memory_not_equal(one, two, 16); /* the nonce */
    char text[8];
    struct str sealed = {two, vault_sealed_len(4)};
    assert_true(vault_unseal(&cipher, STR("a"), sealed, text, tag));
    assert_memory_equal(text, "text", 4);
    assert_false(vault_unseal(&cipher, STR("b"), sealed, text, tag));
    assert_memory_equal(text, "\0\0\0\0", 4);
    vault_memory_release(&memory);
}

static void a_candidate_is_promoted_and_records_are_dropped(void **state) {
    struct vault_fixture *f = *state;
    vault_fixture_fill(f);
    struct vault *v = vault_fixture_open(f, false);
    struct str before = vault_fixture_get(v, "101", VAULT_CURRENT);
    assert_true(vault_promote(v, STR("101"), PASS));
    assert_false(vault_promote(v, STR("101"), PASS));
    assert_false(vault_promote(v, STR("102"), PASS));
    assert_true(vault_drop(v, STR("102"), PASS, VAULT_CURRENT));
    assert_false(vault_drop(v, STR("102"), PASS, VAULT_CURRENT));
    assert_false(vault_drop(v, STR("103"), PASS, VAULT_CURRENT));
    vault_fixture_commit(f, v);
    assert_value(v, "101", VAULT_CURRENT, "next-secret");
    assert_memory_equal(before.ptr, "first-secret", before.len); /* until vault_close */
    vault_close(v);
    v = vault_fixture_open(f, false);
    assert_value(v, "101", VAULT_CURRENT, "next-secret");
    assert_value(v, "101", VAULT_CANDIDATE, "");
    assert_value(v, "102", VAULT_CURRENT, "");
    size_t at = 0;
    struct vault_entry entry;
    assert_true(vault_next(v, &at, &entry));
    assert_true(str_equal(entry.phone, STR("101")) && entry.which == VAULT_CURRENT);
    assert_false(vault_next(v, &at, &entry));
    vault_close(v);
}

static void what_was_not_committed_is_not_there(void **state) {
    struct vault_fixture *f = *state;
    vault_fixture_fill(f);
    struct vault *v = vault_fixture_open(f, false);
    assert_true(vault_put(v, STR("103"), PASS, VAULT_CURRENT, STR("x")));
    assert_value(v, "103", VAULT_CURRENT, "x");
    vault_close(v);
    v = vault_fixture_open(f, false);
    assert_value(v, "103", VAULT_CURRENT, "");
    vault_close(v);
}

static void two_writers_both_count(void **state) {
    struct vault_fixture *f = *state;
    vault_fixture_fill(f);
    struct vault *one = vault_fixture_open(f, false), *two = vault_fixture_open(f, false);
    assert_true(vault_put(one, STR("103"), PASS, VAULT_CURRENT, STR("of-one")));
    assert_true(vault_put(two, STR("104"), PASS, VAULT_CURRENT, STR("of-two")));
    assert_true(vault_drop(two, STR("102"), PASS, VAULT_CURRENT));
    vault_fixture_commit(f, one);
    vault_fixture_commit(f, two);
    assert_value(two, "103", VAULT_CURRENT, "of-one");
    assert_true(vault_put(one, STR("101"), PASS, VAULT_CURRENT, STR("later")));
    vault_fixture_commit(f, one);
    assert_int_equal(vault_generation(one), 4);
    vault_close(one);
    vault_close(two);
    two = vault_fixture_open(f, false);
    assert_value(two, "101", VAULT_CURRENT, "later");
    assert_value(two, "102", VAULT_CURRENT, "");
    assert_value(two, "103", VAULT_CURRENT, "of-one");
    assert_value(two, "104", VAULT_CURRENT, "of-two");
    vault_close(two);
}

static void a_vault_is_made_once_and_not_written_over_another(void **state) {
    struct vault_fixture *f = *state;
    struct vault *v = vault_fixture_open(f, true), *late = vault_fixture_open(f, true);
    assert_true(vault_put(v, STR("101"), PASS, VAULT_CURRENT, STR("x")));
    vault_fixture_commit(f, v);
    assert_null(vault_open(f->path, &f->source, true, f->error, sizeof(f->error)));
    assert_non_null(strstr(f->error, "exists already"));
    assert_false(vault_commit(late, f->error, sizeof(f->error)));
    assert_non_null(strstr(f->error, "another vault"));
    unlink(f->path);
    vault_fixture_commit(f, late);
    assert_false(vault_commit(v, f->error, sizeof(f->error)));
    unlink(f->path);
    assert_false(vault_commit(v, f->error, sizeof(f->error)));
    assert_non_null(strstr(f->error, "No such file"));
    vault_close(v);
    vault_close(late);
}

static void names_and_values_have_limits(void **state) {
    struct vault_fixture *f = *state;
    struct vault *v = vault_fixture_open(f, true);
    char longest[VAULT_VALUE_MAX + 1], name[VAULT_NAME_MAX + 1];
    memset(longest, 'x', sizeof(longest));
    memset(name, 'n', sizeof(name));
    const struct str at_most = {name, VAULT_NAME_MAX}, over = {name, VAULT_NAME_MAX + 1};
    assert_true(
        vault_put(v, at_most, at_most, VAULT_CANDIDATE, (struct str){longest, VAULT_VALUE_MAX}));
    assert_false(
        vault_put(v, STR("1"), PASS, VAULT_CURRENT, (struct str){longest, VAULT_VALUE_MAX + 1}));
    assert_false(vault_put(v, STR("1"), PASS, VAULT_CURRENT, STR("")));
    assert_false(vault_put(v, over, PASS, VAULT_CURRENT, STR("x")));
    assert_false(vault_put(v, STR("1"), over, VAULT_CURRENT, STR("x")));
    assert_false(vault_put(v, STR("a b"), PASS, VAULT_CURRENT, STR("x")));
    assert_false(vault_put(v, STR("#index"), PASS, VAULT_CURRENT, STR("x")));
    assert_false(vault_put(v, STR("a\nb"), PASS, VAULT_CURRENT, STR("x")));
    assert_false(vault_put(v, STR(""), PASS, VAULT_CURRENT, STR("x")));
    vault_fixture_commit(f, v);
    vault_close(v);
    v = vault_fixture_open(f, false);
    struct str value;
    assert_true(vault_get(v, at_most, at_most, VAULT_CANDIDATE, &value));
    assert_int_equal(value.len, VAULT_VALUE_MAX);
    vault_close(v);
}

static void a_file_has_limits(void **state) {
    struct vault_fixture *f = *state;
    vault_fixture_fill(f);
    struct vault *v = vault_fixture_open(f, false);
    for (size_t i = 0; i < VAULT_RECORDS_MAX; i++) {
        char phone[16];
        snprintf(phone, sizeof(phone), "%zu", 1000 + i);
        assert_true(vault_put(v, str_of(phone), PASS, VAULT_CURRENT, STR("x")));
    }
    assert_false(vault_commit(v, f->error, sizeof(f->error)));
    assert_non_null(strstr(f->error, "more records than the limit"));
    vault_close(v);
    assert_true(opens(f)); /* as it was */
    assert_int_equal(truncate(f->path, VAULT_FILE_MAX + 1), 0);
    assert_refused(f, "larger than");
}

/* ---- keys ---- */

static void a_key_is_octets_or_hex(void **state) {
    struct vault_fixture *f = *state;
    vault_fixture_fill(f);
    static const uint8_t raw[32] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                    0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
                                    0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                    0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    vault_fixture_write(f->key, raw, sizeof(raw), 0600);
    assert_true(opens(f));
    static const char hex[] = "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff";
    vault_fixture_write(f->key, hex, 64, 0600);
    assert_true(opens(f));
    vault_fixture_write(f->key, hex, 63, 0600);
    assert_refused(f, "neither 32 octets nor 64 hexadecimal digits");
    vault_fixture_write(f->key, raw, 31, 0600);
    assert_refused(f, "neither");
    vault_fixture_write(f->key, "", 0, 0600);
    assert_refused(f, "neither");
}

static void a_key_that_others_may_read_is_refused(void **state) {
    struct vault_fixture *f = *state;
    vault_fixture_fill(f);
    assert_int_equal(chmod(f->key, 0604), 0);
    assert_refused(f, "others may read");
    assert_int_equal(chmod(f->key, 0600), 0);
    assert_int_equal(chmod(f->path, 0604), 0);
    assert_refused(f, "others may read");
    assert_int_equal(chmod(f->path, 0600), 0);
    unlink(f->key);
    assert_refused(f, "No such file");
}

static void another_key_is_said_to_be_another(void **state) {
    struct vault_fixture *f = *state;
    vault_fixture_fill(f);
    vault_fixture_write(f->key, "0123456789abcdef0123456789abcdef", 32, 0600);
    assert_refused(f, "the key is not the one");
    f->source.kind = VAULT_KEY_PASSPHRASE_FILE;
    assert_refused(f, "made with a key, and a passphrase is configured");
}

static void a_credential_of_systemd_is_a_key(void **state) {
    struct vault_fixture *f = *state;
    vault_fixture_fill(f);
    f->source = (struct vault_key_source){VAULT_KEY_CREDENTIAL, "key"};
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_refused(f, "$CREDENTIALS_DIRECTORY is not set");
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", f->dir, 1), 0);
    assert_true(opens(f));
    /* The ACL that lets the service read it shows as group bits. */
    assert_int_equal(chmod(f->key, 0440), 0);
    assert_true(opens(f));
    assert_int_equal(chmod(f->key, 0444), 0);
    assert_refused(f, "others may read");
    f->source.where = "../key";
    assert_false(opens(f));
    unsetenv("CREDENTIALS_DIRECTORY");
    static const char *const bad[] = {"", ".", "..", "a/b", ".hidden", "a b"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(vault_key_name_is_good(str_of(bad[i])));
    assert_true(vault_key_name_is_good(STR("vault-key")));
}

static void a_passphrase_makes_a_key(void **state) {
    struct vault_fixture *f = *state;
    f->source.kind = VAULT_KEY_PASSPHRASE_FILE;
    static const char right[] = "correct horse battery\n";
    vault_fixture_write(f->key, right, sizeof(right) - 1, 0600);
    vault_fixture_fill(f);
    char text[VAULT_TEXT_MAX];
    size_t len = vault_fixture_read(f->path, text);
    assert_non_null(memmem(text, len, " scrypt:15:8:3:", 15));
    struct vault *v = vault_fixture_open(f, false);
    assert_value(v, "101", VAULT_CURRENT, "first-secret");
    vault_close(v);
    vault_fixture_write(f->key, "correct horse batterz", 21, 0600);
    assert_refused(f, "the key is not the one");
    vault_fixture_write(f->key, "elevenchars", 11, 0600);
    assert_refused(f, "12 to 1024 octets");
    f->source.kind = VAULT_KEY_FILE;
    vault_fixture_write(f->key, "0123456789abcdef0123456789abcdef", 32, 0600);
    assert_refused(f, "made with a passphrase, and a key is configured");
}

/* A header with another KDF, and the right sum over it. */
static void write_header(struct vault_fixture *f, const char *kdf) {
    char memory[512];
    uint8_t sum[32];
    struct outbuf out;
    outbuf_init(&out, memory, sizeof(memory));
    outbuf_put(&out, STR("phonegate-vault 1 00112233445566778899aabbccddeeff "));
    outbuf_put(&out, str_of(kdf));
    outbuf_char(&out, ' ');
    for (int i = 0; i < 64; i++) outbuf_char(&out, '0');
    outbuf_char(&out, ' ');
    SHA256((const uint8_t *)out.ptr, out.len, sum);
    outbuf_hex(&out, sum, 8);
    outbuf_char(&out, '\n');
    vault_fixture_write(f->path, out.ptr, out.len, 0600);
}

static void a_header_cannot_ask_for_gigabytes(void **state) {
    struct vault_fixture *f = *state;
    f->source.kind = VAULT_KEY_PASSPHRASE_FILE;
    vault_fixture_write(f->key, "correct horse battery", 21, 0600);
#define SALT "00112233445566778899aabbccddeeff"
    static const char *const hostile[] = {
        "scrypt:18:8:1:" SALT, "scrypt:63:8:1:" SALT,
        "scrypt:64:8:1:" SALT, "scrypt:15:9:1:" SALT,
        "scrypt:15:8:5:" SALT, "scrypt:1:8:1:" SALT,
        "scrypt:15:0:1:" SALT, "scrypt:15:8:0:" SALT,
        "scrypt:-1:8:1:" SALT, "scrypt:15:8:18446744073709551616:" SALT,
    };
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
        write_header(f, hostile[i]);
        assert_refused(f, "more, or for less, of scrypt");
    }
    write_header(f, "scrypt:15:8:1:0011");
    assert_refused(f, "unknown way");
    write_header(f, "argon2:15:8:1:" SALT);
    assert_refused(f, "unknown way");
    write_header(f, "scrypt:14:1:1:" SALT);
    assert_refused(f, "the key is not the one");
}

static void what_is_no_vault_is_said_to_be_none(void **state) {
    struct vault_fixture *f = *state;
    static const char *const texts[] = {"\n", "hello\n", "phonegate-vaul", "root:x:0:0\n"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        vault_fixture_write(f->path, texts[i], strlen(texts[i]), 0600);
        assert_refused(f, "no vault of phonegate");
    }
    vault_fixture_write(f->path, "", 0, 0600);
    assert_refused(f, "empty");
    vault_fixture_write(f->path, "phonegate-vault 2 x key y z\n", 28, 0600);
    assert_refused(f, "version");
    unlink(f->path);
    assert_refused(f, "No such file");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(values_come_back),
        TEST(the_file_is_ours_alone_and_holds_no_value_in_clear),
        TEST(the_same_value_is_never_sealed_alike),
        TEST(a_candidate_is_promoted_and_records_are_dropped),
        TEST(what_was_not_committed_is_not_there),
        TEST(two_writers_both_count),
        TEST(a_vault_is_made_once_and_not_written_over_another),
        TEST(names_and_values_have_limits),
        TEST(a_file_has_limits),
        TEST(a_key_is_octets_or_hex),
        TEST(a_key_that_others_may_read_is_refused),
        TEST(another_key_is_said_to_be_another),
        TEST(a_credential_of_systemd_is_a_key),
        TEST(a_passphrase_makes_a_key),
        TEST(a_header_cannot_ask_for_gigabytes),
        TEST(what_is_no_vault_is_said_to_be_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
