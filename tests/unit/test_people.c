/* The file of people, and the lines of control.sock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Behind the headers that it needs. */
#include <cmocka.h>

#include "proxy/run/control_line.h"
#include "proxy/run/people.h"

#define NOW UINT64_C(1800000000000)

static const uint64_t key[2] = {0x0706050403020100u, 0xffeeddccbbaa9988u};
static const struct session_settings none = {0, 0};

struct fixture {
    struct lockout *lockout;
    struct sessions *sessions;
};

static struct fixture tables(void) {
    return (struct fixture){lockout_new(16, 8, key, (struct policy_lock){0}),
                            sessions_new(8, key, (struct policy_lock){0})};
}

static void tables_free(struct fixture *f) {
    lockout_free(f->lockout);
    sessions_free(f->sessions);
}

static void what_is_written_is_read(void **state) {
    (void)state;
    struct fixture f = tables(), g = tables();
    const struct lockout_who home = {lockout_user_key(f.lockout, STR("bob")), {{1, 2, [15] = 255}}};
    uint64_t bob = sessions_user_key(f.sessions, STR("bob")), read_key[2];
    lockout_proved(f.lockout, &home, NOW);
    assert_int_equal(sessions_check(f.sessions, &none, bob, NOW, true, NOW), SESSION_GOES_ON);
    sessions_end(f.sessions, 5, NOW);
    sessions_end_unknown(f.sessions, NOW - 9);
    size_t len;
    char *text = people_text(f.lockout, f.sessions, key, 8, 8, &len);
    const struct str all = {text, len};
    assert_null(memmem(text, len, "bob", 3));
    assert_true(people_key(all, read_key));
    assert_memory_equal(key, read_key, sizeof(key));
    assert_true(people_load(all, g.lockout, g.sessions, NOW + 10));
    size_t again_len;
    char *again = people_text(g.lockout, g.sessions, key, 8, 8, &again_len);
    assert_int_equal(len, again_len);
    assert_memory_equal(text, again, len);
    assert_int_equal(sessions_since(g.sessions, bob), NOW);
    /* A clock that is behind: nobody is shut out until it comes there again. */
    struct fixture h = tables();
    assert_true(people_load(all, h.lockout, h.sessions, NOW - 1000));
    assert_int_equal(sessions_check(h.sessions, &none, 5, NOW - 1000, true, NOW - 1000),
                     SESSION_GOES_ON);
    free(text);
    free(again);
    tables_free(&f);
    tables_free(&g);
    tables_free(&h);
}

#define HEAD "phonegate-people 1 07060504030201000123456789abcdef\n"

static void a_wrong_line_is_told(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {HEAD, true},
        {HEAD "floor 5\n", true},
        {HEAD "session 0000000000000001 1 2 3\n", true},
        {HEAD "place 0000000000000001 00000000000000000000ffffc0000201 7\n", true},
        {"", false},
        {"phonegate-people 1 0706050403020100", false},
        {HEAD "floor 5", false}, /* cut */
        {HEAD "\n", false},
        {HEAD "floor\n", false},
        {HEAD "floor x\n", false},
        {HEAD "floor 5 6\n", false},
        {HEAD "floor 999999999999999999999\n", false},
        {HEAD "session 1 1 2 3\n", false},
        {HEAD "session 0000000000000001 1 2\n", false},
        {HEAD "session 0000000000000001 1 2 3 4\n", false},
        {HEAD "place 0000000000000001 c0000201 7\n", false},
        {HEAD "place 0000000000000001\n", false},
        {HEAD "what 1\n", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f = tables();
        if (people_load(str_of(rows[i].text), f.lockout, f.sessions, NOW) != rows[i].good)
            fail_msg("%s", rows[i].text);
        tables_free(&f);
    }
}

static void only_this_form_has_a_key(void **state) {
    (void)state;
    uint64_t out[2];
    assert_true(people_key(STR(HEAD), out));
    assert_int_equal(out[1], 0x0123456789abcdefu);
    assert_false(people_key(STR("phonegate-people 2 07060504030201000123456789abcdef\n"), out));
    assert_false(people_key(STR("phonegate-people 1 0706050403020100\n"), out));
    assert_false(people_key(STR("phonegate-people 1 07060504030201000123456789abcdef0\n"), out));
    assert_false(people_key(STR_NONE, out));
}

static void lines_of_the_control_socket(void **state) {
    (void)state;
    static const struct {
        const char *line;
        bool good;
        enum control_verb verb;
        const char *name;
    } rows[] = {
        {"reload", true, CONTROL_RELOAD, ""},
        {"status", true, CONTROL_STATUS, ""},
        {"unlock bob", true, CONTROL_UNLOCK, "bob"},
        {"signout J\xc3\xa4s\xc3\xb8n Doe", true, CONTROL_SIGNOUT, "J\xc3\xa4s\xc3\xb8n Doe"},
        {"unlock  x", true, CONTROL_UNLOCK, " x"},
        {"", false, CONTROL_RELOAD, ""},
        {"unlock", false, CONTROL_RELOAD, ""},
        {"unlock ", false, CONTROL_RELOAD, ""},
        {"unlockbob", false, CONTROL_RELOAD, ""},
        {"unlock a:b", false, CONTROL_RELOAD, ""},
        {"unlock a\tb", false, CONTROL_RELOAD, ""},
        {"unlock \xff", false, CONTROL_RELOAD, ""},
        {"reload now", false, CONTROL_RELOAD, ""},
        {"Reload", false, CONTROL_RELOAD, ""},
        {" reload", false, CONTROL_RELOAD, ""},
        {"stop", false, CONTROL_RELOAD, ""},
    };
    struct control_command command;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(control_parse(str_of(rows[i].line), &command), rows[i].good);
        if (!rows[i].good) continue;
        assert_int_equal(command.verb, rows[i].verb);
        assert_true(str_equal(command.name, str_of(rows[i].name)));
    }
    char longest[CONTROL_LINE_MAX] = "signout ";
    memset(longest + 8, 'n', sizeof(longest) - 8);
    assert_true(control_parse((struct str){longest, 8 + 255}, &command));
    assert_false(control_parse((struct str){longest, 8 + 256}, &command));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_wrong_line_is_told),
        cmocka_unit_test(only_this_form_has_a_key),
        cmocka_unit_test(lines_of_the_control_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
