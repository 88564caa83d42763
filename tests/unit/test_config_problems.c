/* Every error and warning of a configuration: tests/vectors/config/problems.txt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/config_fixture.h"
#include <cmocka.h>

#define TEXT_MAX 16384

struct vector_case {
    char title[128];
    char file[64]; /* that < and > are about */
    char find[TEXT_MAX];
    char expected[TEXT_MAX];
    unsigned line;
    bool open; /* a case has begun */
};

static struct config_fixture *fixture;
static char *vectors;
static size_t cases, failures;

/* \n \r \\ \xNN in place; returns the length. */
static size_t unescape(char *text) {
    char *out = text;
    for (const char *in = text; *in != '\0'; in++) {
        if (*in != '\\') {
            *out++ = *in;
        } else if (in[1] == 'x' && in[2] != '\0' && in[3] != '\0') {
            *out++ = (char)(ascii_hex_value(in[2]) * 16 + ascii_hex_value(in[3]));
            in += 3;
        } else {
            in++;
            *out++ = *in == 'n' ? '\n' : *in == 'r' ? '\r' : *in;
        }
    }
    *out = '\0';
    return (size_t)(out - text);
}

static void mistake(const struct vector_case *c, const char *what) {
    fprintf(stderr, "problems.txt:%u: %s\n", c->line, what);
    abort();
}

/* Put `with` in place of c->find, which stands exactly once in the file. */
static void replace(const struct vector_case *c, char *with) {
    char *text = fixture_read(c->file);
    char *at = strstr(text, c->find);
    if (c->find[0] == '\0' || at == NULL || strstr(at + 1, c->find) != NULL)
        mistake(c, "the text after < must stand exactly once in the file");
    size_t len = unescape(with), before = (size_t)(at - text);
    char *changed = malloc(strlen(text) + len + 1);
    if (changed == NULL) abort();
    memcpy(changed, text, before);
    memcpy(changed + before, with, len);
    size_t rest = strlen(at + strlen(c->find));
    memcpy(changed + before + len, at + strlen(c->find), rest);
    fixture_write(c->file, 0644, changed, before + len + rest);
    free(changed);
    free(text);
}

static void append(const struct vector_case *c, char *more) {
    char *text = fixture_read(c->file);
    size_t before = strlen(text), len = unescape(more);
    char *changed = malloc(before + len + 2);
    if (changed == NULL) abort();
    memcpy(changed, text, before);
    memcpy(changed + before, more, len);
    changed[before + len] = '\n';
    fixture_write(c->file, 0644, changed, before + len + 1);
    free(changed);
    free(text);
}

/* "PATH MODE TEXT" */
static void write_file(const struct vector_case *c, char *words) {
    char *mode = strchr(words, ' ');
    char *text = mode == NULL ? NULL : strchr(mode + 1, ' ');
    if (text == NULL) mistake(c, "@ PATH MODE TEXT");
    *mode++ = '\0';
    *text++ = '\0';
    size_t len = unescape(text);
    fixture_write(words, (mode_t)strtoul(mode, NULL, 8), text, len);
}

/* "error 12: TEXT" stands for "error phonegate.cfg:12: TEXT". */
static void expect(struct vector_case *c, const char *text) {
    const char *blank = strchr(text, ' ');
    if (blank == NULL) mistake(c, "! LEVEL LINE: TEXT");
    bool bare = ascii_is_digit(blank[1]);
    size_t len = strlen(c->expected);
    snprintf(c->expected + len, sizeof(c->expected) - len, "%.*s%s%s\n", (int)(blank + 1 - text),
             text, bare ? "phonegate.cfg:" : "", blank + 1);
}

static void finish(struct vector_case *c) {
    if (!c->open) return;
    struct config *config;
    enum config_result result = fixture_load(fixture, &config);
    bool should_load = strncmp(c->expected, "error", 5) != 0 && !strstr(c->expected, "\nerror");
    bool good = strcmp(c->expected, fixture->messages) == 0 &&
                (result == CONFIG_OK) == should_load && (config != NULL) == should_load;
    if (!good) {
        fprintf(stderr, "problems.txt:%u: %s\n--- expected\n%s--- got (%d)\n%s", c->line, c->title,
                c->expected, (int)result, fixture->messages);
        failures++;
    }
    config_release(config);
    cases++;
}

static void begin(struct vector_case *c, const char *title) {
    finish(c);
    fixture_reset(fixture);
    c->open = true;
    c->expected[0] = c->find[0] = '\0';
    snprintf(c->title, sizeof(c->title), "%s", title);
    snprintf(c->file, sizeof(c->file), "phonegate.cfg");
}

static void take_line(struct vector_case *c, char *line) {
    if (line[0] == '\0' || line[0] == '#') return;
    if (line[1] != ' ' && line[1] != '\0') mistake(c, "a sign and a blank come first");
    char *rest = line[1] == '\0' ? line + 1 : line + 2;
    if (line[0] == '=')
        begin(c, rest);
    else if (line[0] == 'f')
        snprintf(c->file, sizeof(c->file), "%s", rest);
    else if (line[0] == '<')
        snprintf(c->find, sizeof(c->find), "%s", rest);
    else if (line[0] == '>')
        replace(c, rest);
    else if (line[0] == '+')
        append(c, rest);
    else if (line[0] == '@')
        write_file(c, rest);
    else if (line[0] == '-' && unlink(rest) != 0)
        mistake(c, "no such file to remove");
    else if (line[0] == '!')
        expect(c, rest);
    else if (line[0] != '-')
        mistake(c, "unknown sign");
}

static void test_config_every_problem(void **state) {
    (void)state;
    static struct vector_case c;
    char *rest = vectors, *line;
    while ((line = strsep(&rest, "\n")) != NULL) {
        c.line++;
        take_line(&c, line);
    }
    finish(&c);
    printf("%zu cases\n", cases);
    assert_int_equal(failures, 0);
    assert_true(cases > 150);
}

int main(void) {
    vectors = fixture_read("tests/vectors/config/problems.txt");
    fixture = fixture_new();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_config_every_problem)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fixture_free(fixture);
    free(vectors);
    return failed;
}
