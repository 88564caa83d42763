/* New passwords and PINs: the rules, and that all that the rules allow are equally likely. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Behind the headers that it needs. */
#include <cmocka.h>

#include "proxy/harden/passwords.h"

#define MANY 20000

/* xorshift64*: good enough to count with, and the same each time. */
static bool fake_random(void *user, uint8_t *out, size_t len) {
    uint64_t *x = user;
    for (size_t i = 0; i < len; i++) {
        *x ^= *x >> 12;
        *x ^= *x << 25;
        *x ^= *x >> 27;
        out[i] = (uint8_t)((*x * UINT64_C(2685821657736338717)) >> 56);
    }
    return true;
}

static struct str make(enum password_kind kind, uint64_t *seed, char memory[64]) {
    struct outbuf out;
    outbuf_init(&out, memory, 64);
    assert_true(password_make(kind, fake_random, seed, &out));
    return outbuf_str(&out);
}

static bool has(struct str text, const char *kind) {
    for (size_t i = 0; i < text.len; i++)
        if (strchr(kind, text.ptr[i]) != NULL) return true;
    return false;
}

static void a_password_is_within_the_phones_rules(void **state) {
    (void)state;
    uint64_t seed = 1;
    char memory[64];
    for (int i = 0; i < MANY; i++) {
        struct str text = make(i % 2 == 0 ? PASSWORD_WEB : PASSWORD_ADMIN, &seed, memory);
        assert_int_equal(text.len, 16);
        assert_true(has(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
        assert_true(has(text, "abcdefghijklmnopqrstuvwxyz"));
        assert_true(has(text, "0123456789"));
        assert_true(has(text, "-_.*@"));
        assert_false(has(text, "0O1lIo"));                         /* mixed up by eye */
        assert_false(has(text, " :&=%+#<>\"'\\`$!?;,/()[]{}|~^")); /* forms, XML, shells */
    }
}

/* Chi-square over the characters of the first place: no octet modulo 61 in it. */
static void characters_are_equally_likely(void **state) {
    (void)state;
    static const char alphabet[] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789-_.*@";
    uint64_t seed = 2;
    unsigned counts[256] = {0};
    char memory[64];
    for (int i = 0; i < MANY; i++) {
        struct str text = make(PASSWORD_WEB, &seed, memory);
        for (size_t at = 0; at < text.len; at++) counts[(unsigned char)text.ptr[at]]++;
    }
    /* Each kind has to be there, which favours the smaller kinds; within a kind all are alike. */
    static const struct { size_t from, to; } kinds[] = {{0, 24}, {24, 48}, {48, 56}, {56, 61}};
    assert_int_equal(sizeof(alphabet) - 1, 61);
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        double sum = 0, chi = 0;
        size_t n = kinds[k].to - kinds[k].from;
        for (size_t i = kinds[k].from; i < kinds[k].to; i++)
            sum += counts[(unsigned char)alphabet[i]];
        for (size_t i = kinds[k].from; i < kinds[k].to; i++) {
            double wanted = sum / (double)n, off = counts[(unsigned char)alphabet[i]] - wanted;
            chi += off * off / wanted;
        }
        /* Beyond this once in more than 1,000 runs, for up to 23 degrees of freedom. */
        assert_true(chi < 52);
    }
}

static void a_pin_is_six_digits_and_not_trivial(void **state) {
    (void)state;
    uint64_t seed = 3;
    char memory[64];
    unsigned first[10] = {0};
    for (int i = 0; i < MANY; i++) {
        struct str pin = make(PASSWORD_PIN, &seed, memory);
        assert_int_equal(pin.len, 6);
        unsigned seen = 0;
        for (size_t at = 0; at < pin.len; at++) {
            assert_in_range(pin.ptr[at], '0', '9');
            seen |= 1U << (pin.ptr[at] - '0');
        }
        assert_true(__builtin_popcount(seen) >= 4);
        first[pin.ptr[0] - '0']++;
    }
    for (int i = 0; i < 10; i++) assert_in_range(first[i], MANY / 10 - 250, MANY / 10 + 250);
}

/* A source that plays octets, then ones that make a good PIN. */
struct script {
    const char *digits;
    size_t at;
};

static bool play(void *user, uint8_t *out, size_t len) {
    struct script *script = user;
    for (size_t i = 0; i < len; i++) {
        char c = script->digits[script->at];
        if (c == '\0') return false;
        script->at++;
        out[i] = c == '!' ? 255 : (uint8_t)(c - '0');
    }
    return true;
}

static void trivial_pins_are_drawn_anew(void **state) {
    (void)state;
    static const struct {
        const char *digits, *pin; /* "": none */
    } rows[] = {
        {"271950", "271950"},
        {"!2!!71950", "271950"},
        {"000000271950", "271950"},
        {"123123271950", "271950"},
        {"112233271950", "271950"},
        {"123491271950", "271950"},
        {"918901271950", "271950"},
        {"943210271950", "271950"},
        {"901229271950", "271950"},
        {"123095", "123095"},
        {"112344271950", "271950"},
        {"112354", "112354"},
        {"111111", ""},
        {"27195", ""},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script script = {rows[i].digits, 0};
        char memory[16];
        struct outbuf out;
        outbuf_init(&out, memory, sizeof(memory));
        bool made = password_make(PASSWORD_PIN, play, &script, &out);
        assert_int_equal(made, rows[i].pin[0] != '\0');
        if (!str_equal(outbuf_str(&out), str_of(rows[i].pin)))
            fail_msg("%s gives " STR_FMT, rows[i].digits, STR_ARG(outbuf_str(&out)));
    }
}

static bool stuck(void *user, uint8_t *out, size_t len) {
    memset(out, *(const int *)user, len);
    return true;
}

static void a_source_that_makes_no_sense_is_no_password(void **state) {
    (void)state;
    char memory[16];
    struct outbuf out;
    for (int octet = 0; octet < 256; octet++) {
        outbuf_init(&out, memory, sizeof(memory));
        assert_false(password_make(PASSWORD_WEB, stuck, &octet, &out));
        assert_false(password_make(PASSWORD_PIN, stuck, &octet, &out));
        assert_int_equal(out.len, 0);
    }
    uint64_t seed = 4;
    outbuf_init(&out, memory, 15);
    assert_false(password_make(PASSWORD_WEB, fake_random, &seed, &out));
}

static void the_system_gives_another_each_time(void **state) {
    (void)state;
    char one[16], two[16];
    struct outbuf out;
    outbuf_init(&out, one, sizeof(one));
    assert_true(password_make(PASSWORD_ADMIN, password_os_random, NULL, &out));
    outbuf_init(&out, two, sizeof(two));
    assert_true(password_make(PASSWORD_ADMIN, password_os_random, NULL, &out));
    assert_memory_not_equal(one, two, sizeof(one));
    assert_false(password_os_random(NULL, (uint8_t *)one, 257));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_password_is_within_the_phones_rules),
        cmocka_unit_test(characters_are_equally_likely),
        cmocka_unit_test(a_pin_is_six_digits_and_not_trivial),
        cmocka_unit_test(trivial_pins_are_drawn_anew),
        cmocka_unit_test(a_source_that_makes_no_sense_is_no_password),
        cmocka_unit_test(the_system_gives_another_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
