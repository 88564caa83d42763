/* The list "harden" of policy/profiles/snom.cfg judged by the cases of tests/vectors/harden.txt. */
#include "policy/harden/drift.h"
#include "tests/unit/harden_fixture.h"

#define LINES_MAX 64

/* ---- a case ---- */

struct known_case {
    struct harden_facts facts;
    struct harden_expect expected[4];
    char model[64], firmware[64], title[128];
    char expect_text[4][128];
    char lines[LINES_MAX][512]; /* what is expected: "steps ...", "! ...", "- ..." */
    unsigned line_numbers[LINES_MAX];
    size_t line_count;
    char page[8192];
    size_t page_len;
};

static int word_of(const char *list, const char *word, unsigned line) {
    struct str rest = str_of(list), one;
    for (int i = 0; str_split(&rest, ' ', &one); i++)
        if (str_equal(one, str_of(word))) return i;
    fail_msg("harden.txt:%u: \"%s\" is none of %s", line, word, list);
    return 0;
}

static void read_flags(struct harden_facts *facts, const char *words) {
    facts->wui_off_wanted |= strstr(words, "wui-off") != NULL;
    facts->provisioned |= strstr(words, "provisioned") != NULL;
    facts->allow_plain_http |= strstr(words, "allow-plain-http") != NULL;
    facts->no_login_allowed |= strstr(words, "no-login") != NULL;
    facts->wrong_model |= strstr(words, "wrong-model") != NULL;
    facts->locked_out |= strstr(words, "locked-out") != NULL;
    facts->login_refused |= strstr(words, "login-refused") != NULL;
}

static void read_expect(struct known_case *c, const char *text) {
    struct harden_facts *facts = &c->facts;
    char *kept = c->expect_text[facts->expected_count];
    (void)snprintf(kept, sizeof(c->expect_text[0]), "%s", text);
    struct str all = str_of(kept);
    size_t blank = str_find(all, ' ', 0);
    c->expected[facts->expected_count++] =
        (struct harden_expect){str_part(all, 0, blank), str_trim(str_part(all, blank, all.len))};
    facts->expected = c->expected;
}

static void read_page_line(struct known_case *c, const char *text) {
    char buf[512];
    struct str line = vectors_unescape(str_of(text), buf);
    assert_true(c->page_len + line.len + 1 < sizeof(c->page));
    memcpy(c->page + c->page_len, line.ptr, line.len);
    c->page_len += line.len;
    c->page[c->page_len++] = '\n';
}

static void read_fact(struct known_case *c, const char *key, const char *value, unsigned line) {
    struct harden_facts *f = &c->facts;
    static const char ports[] = "unknown closed open";
    if (strcmp(key, "model") == 0) {
        (void)snprintf(c->model, sizeof(c->model), "%s", value);
        f->model = str_of(c->model);
    } else if (strcmp(key, "firmware") == 0) {
        (void)snprintf(c->firmware, sizeof(c->firmware), "%s", value);
        f->firmware = str_of(c->firmware);
    } else if (strcmp(key, "plain") == 0) {
        f->plain = (enum harden_plain)word_of("unknown refused 403 redirect answers", value, line);
    } else if (strcmp(key, "challenge") == 0) {
        f->challenge =
            (enum harden_challenge)word_of("unknown none basic digest both other", value, line);
    } else if (strcmp(key, "https") == 0) {
        f->https = (enum harden_port)word_of(ports, value, line);
    } else if (strcmp(key, "port-1800") == 0) {
        f->remote = (enum harden_port)word_of(ports, value, line);
    } else if (strcmp(key, "tls") == 0) {
        f->tls = (enum harden_tls)word_of("unknown older 1.2 1.3", value, line);
    } else if (strcmp(key, "certificate") == 0) {
        f->certificate = (enum harden_certificate)word_of(
            "unknown trusted unpinned changed unchecked", value, line);
    } else if (strcmp(key, "factory-password") == 0) {
        f->factory_password = (enum harden_factory)word_of("unknown taken refused", value, line);
    } else if (strcmp(key, "entry") == 0 || strcmp(key, "trouble") == 0) {
        read_flags(f, value);
    } else if (strcmp(key, "expect") == 0) {
        read_expect(c, value);
    } else {
        fail_msg("harden.txt:%u: \"%s\" is no fact", line, key);
    }
}

static void read_line(struct known_case *c, char *text, unsigned line) {
    if (text[0] == '|') {
        read_page_line(c, text + 1 + strspn(text + 1, " "));
    } else if (text[0] == '!' || text[0] == '-' || strncmp(text, "steps ", 6) == 0 ||
               strncmp(text, "looks ", 6) == 0) {
        assert_true(c->line_count < LINES_MAX);
        c->line_numbers[c->line_count] = line;
        (void)snprintf(c->lines[c->line_count++], sizeof(c->lines[0]), "%s", text);
    } else {
        char *value = text + strcspn(text, " ");
        if (*value != '\0') *value++ = '\0';
        read_fact(c, text, value, line);
    }
}

/* ---- and what comes of it ---- */

static void describe(const struct harden_finding *finding, char *text, size_t size) {
    (void)snprintf(text, size, "! %s %.*s %s: %.*s", harden_step_str(finding->step),
                   STR_ARG(finding->name), harden_state_str(finding->state),
                   STR_ARG(finding->seen));
}

static bool has_finding(const struct harden_report *report, const char *line) {
    char text[512];
    for (size_t i = 0; i < report->count; i++) {
        describe(&report->findings[i], text, sizeof(text));
        if (strcmp(text, line) == 0) return true;
    }
    return false;
}

static bool has_name(const struct harden_report *report, const char *name) {
    for (size_t i = 0; i < report->count; i++)
        if (str_equal(report->findings[i].name, str_of(name))) return true;
    return false;
}

/* As the background check takes it: drift.txt says what the letters are. */
static bool is_look(const struct harden_report *report, const struct harden_facts *facts,
                    const char *line) {
    struct drift_view view;
    char text[] = "looks - - - - -";
    drift_look(report, facts, &view);
    for (unsigned step = 1; step < HARDEN_STEPS; step++)
        text[4 + 2 * step] = drift_seen_letter(view.steps[step]);
    if (strcmp(text, line) != 0) print_message("%s\n", text);
    return strcmp(text, line) == 0;
}

static bool is_shown(const struct harden_report *report, const struct harden_facts *facts,
                     const char *line) {
    char text[128];
    if (strncmp(line, "looks ", 6) == 0) return is_look(report, facts, line);
    if (line[0] == '!') return has_finding(report, line);
    if (line[0] == '-') return !has_name(report, line + 2);
    (void)snprintf(text, sizeof(text), "steps %s %s %s %s", harden_state_str(report->steps[1]),
                   harden_state_str(report->steps[2]), harden_state_str(report->steps[3]),
                   harden_state_str(report->steps[4]));
    return strcmp(text, line) == 0;
}

static void print_report(const struct harden_report *report) {
    char text[512];
    for (unsigned i = 1; i < HARDEN_STEPS; i++)
        print_message("step %s %s\n", harden_step_str(i), harden_state_str(report->steps[i]));
    for (size_t i = 0; i < report->count; i++) {
        describe(&report->findings[i], text, sizeof(text));
        print_message("%s\n", text);
    }
}

/* Whatever the facts are. */
static void check_findings(const struct harden_report *report) {
    for (size_t i = 0; i < report->count; i++) {
        const struct harden_finding *f = &report->findings[i];
        assert_true(f->step >= 1 && f->step <= HARDEN_BEYOND);
        assert_true(f->name.len > 0 && f->seen.len > 0 && f->wanted.len > 0 && f->why.len > 0);
        assert_int_equal(f->mend.len == 0, f->state == HARDEN_HOLDS || f->state == HARDEN_CLOSED);
        assert_true(f->state != HARDEN_UNKNOWN || f->severity <= HARDEN_MEDIUM);
        if (f->state != HARDEN_HOLDS) assert_int_not_equal(report->steps[f->step], HARDEN_HOLDS);
        for (size_t at = 0; at < f->seen.len; at++)
            assert_true(f->seen.ptr[at] >= 0x20 && f->seen.ptr[at] < 0x7f);
    }
}

static void judge_case(struct known_case *c) {
    struct arena arena;
    struct dump dump;
    struct harden_report report;
    arena_init(&arena, DUMP_ARENA);
    if (c->page_len > 0) {
        assert_int_equal(dump_read((struct str){c->page, c->page_len}, &arena, &dump), DUMP_OK);
        c->facts.settings = &dump;
    }
    assert_true(harden_judge(snom->harden, snom->harden_count, &c->facts, &arena, &report));
    check_findings(&report);
    for (size_t i = 0; i < c->line_count; i++) {
        if (is_shown(&report, &c->facts, c->lines[i])) continue;
        print_report(&report);
        fail_msg("harden.txt:%u: %s: \"%s\" is not so", c->line_numbers[i], c->title, c->lines[i]);
    }
    arena_release(&arena);
}

static void every_case_is_judged_as_the_table_says(void **state) {
    (void)state;
    static struct known_case c;
    char text[512];
    size_t cases = 0;
    FILE *file = fopen("tests/vectors/harden.txt", "r");
    assert_non_null(file);
    for (unsigned line = 1; fgets(text, sizeof(text), file) != NULL; line++) {
        text[strcspn(text, "\n")] = '\0';
        if (text[0] == '#' || text[0] == '\0') continue;
        if (text[0] != '=') {
            assert_true(cases > 0);
            read_line(&c, text, line);
            continue;
        }
        if (cases++ > 0) judge_case(&c);
        c = (struct known_case){0};
        (void)snprintf(c.title, sizeof(c.title), "%.120s", text + 2);
    }
    judge_case(&c);
    assert_int_equal(fclose(file), 0);
    assert_true(cases > 40);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_is_judged_as_the_table_says),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
