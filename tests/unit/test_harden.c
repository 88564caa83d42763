/* The list "harden" of policy/profiles/snom.cfg, as the gate loads it, judged by the cases of
 * tests/vectors/harden.txt. */
#include "policy/harden/harden.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/access/urlpath.h"
#include "proxy/config/config.h"
#include "tests/unit/access_vectors.h"
#include "tests/unit/tls_fixture.h"

#define LINES_MAX 64

static const char settings[] =
    "realm = \"phones.example.com\";\n"
    "https: { listen = [ \"127.0.0.1:8443\" ]; certificate = \"gate.crt\"; key = \"gate.key\"; };\n"
    "host = [ \"gate.example.com\" ];\nusers_file = \"users\";\ngrants = ( );\n"
    "phones = ( { id = \"101\"; url = \"https://192.0.2.101\"; profile = \"snom\";\n"
    "  tls: { verify = \"none\"; }; login: { user = \"gate\"; password_file = \"secret\"; }; } "
    ");\n";

static struct config *config;
static const struct profile *snom;

static void write_file(const char *dir, const char *name, const char *text, const char *more) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fputs(more, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void print_problem(void *user, enum config_level level, const char *file, unsigned line,
                          const char *text) {
    (void)user;
    if (level == CONFIG_ERROR) print_message("%s:%u: %s\n", file, line, text);
}

static int load(void **state) {
    char dir[64], path[128], here[PATH_MAX - 64], more[PATH_MAX];
    (void)state;
    (void)umask(077);
    assert_non_null(fixture_dir_make(dir));
    assert_non_null(getcwd(here, sizeof(here)));
    EVP_PKEY *key = fixture_ec_key();
    X509 *cert = fixture_cert_new((struct fixture_cert){
        .cn = "gate.example.com", .sans = "DNS:gate.example.com", .key = key});
    fixture_write_cert(dir, "gate.crt", cert, path);
    fixture_write_key(dir, "gate.key", key, NULL, path);
    (void)snprintf(more, sizeof(more), "profiles_dir = \"%s/policy/profiles\";\n", here);
    write_file(dir, "users", "", "");
    write_file(dir, "secret", "correct horse battery\n", "");
    write_file(dir, "phonegate.cfg", settings, more);
    (void)snprintf(path, sizeof(path), "%s/phonegate.cfg", dir);
    enum config_result result = config_load(path, print_problem, NULL, &config);
    X509_free(cert);
    EVP_PKEY_free(key);
    fixture_dir_remove(dir);
    if (result != CONFIG_OK) return -1;
    snom = config->policy.phones[0].profile;
    return 0;
}

static int unload(void **state) {
    (void)state;
    config_release(config);
    return 0;
}

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
    } else if (text[0] == '!' || text[0] == '-' || strncmp(text, "steps ", 6) == 0) {
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

static bool is_shown(const struct harden_report *report, const char *line) {
    char text[128];
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
        assert_int_equal(f->mend.len == 0, f->state == HARDEN_HOLDS);
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
        if (is_shown(&report, c->lines[i])) continue;
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

/* ---- what no case shows ---- */

static bool finds_text(const struct harden_report *report, const char *text) {
    for (size_t i = 0; i < report->count; i++) {
        const struct harden_finding *f = &report->findings[i];
        const struct str all[] = {f->name, f->seen, f->wanted, f->why, f->mend};
        for (size_t k = 0; k < ARRAY_LEN(all); k++)
            if (memmem(all[k].ptr, all[k].len, text, strlen(text)) != NULL) return true;
    }
    return false;
}

/* Every setting of the list is given the same telling value. */
static void no_value_of_a_secret_is_in_a_finding(void **state) {
    (void)state;
    static char page[65536];
    size_t len = 0;
    struct arena arena;
    struct dump dump;
    struct harden_report report;
    size_t secrets = 0;
    arena_init(&arena, DUMP_ARENA);
    for (size_t i = 0; i < snom->harden_count; i++) {
        const struct harden_rule *rule = &snom->harden[i];
        secrets += rule->secret;
        if (!rule->secret && rule->check != HARDEN_SET) continue;
        len += (size_t)snprintf(page + len, sizeof(page) - len, "%.*s!: telling%zu\n",
                                STR_ARG(rule->setting), rule->setting.len);
    }
    assert_int_equal(dump_read((struct str){page, len}, &arena, &dump), DUMP_OK);
    struct harden_facts facts = {.settings = &dump, .model = STR("320")};
    assert_true(harden_judge(snom->harden, snom->harden_count, &facts, &arena, &report));
    assert_true(secrets >= 6 && report.count > 12);
    assert_false(finds_text(&report, "telling"));
    arena_release(&arena);
}

static void the_list_names_what_every_secret_is(void **state) {
    (void)state;
    for (size_t i = 0; i < snom->harden_count; i++) {
        const struct harden_rule *rule = &snom->harden[i];
        bool looks = str_ends_with(rule->setting, STR("_pass")) ||
                     str_ends_with(rule->setting, STR("_pw")) ||
                     str_ends_with(rule->setting, STR("password")) ||
                     str_ends_with(rule->setting, STR("secret"));
        assert_true(!looks || rule->secret);
        assert_true(!rule->secret || rule->perm == PROVISION_R);
        assert_true(rule->place.len > 0 || rule->step == HARDEN_BEYOND);
        if (str_equal(rule->setting, STR("admin_mode"))) assert_int_equal(rule->perm, PROVISION_RW);
    }
}

static void firmware_is_compared_by_its_numbers(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        bool before, known;
    } rows[] = {
        {"10.1.184.15", "10.1.185.0", true, true},
        {"10.1.185.0", "10.1.185.0", false, true},
        {"10.1.185.1", "10.1.185.0", false, true},
        {"9.99.999.99", "10.1.185.0", true, true},
        {"8.7.5", "8.7.5.15", true, true},
        {"snom760-SIP 8.7.5.35", "8.7.5.15", false, true},
        {"snomD785-10.1.64.14", "10.1.64.15", true, true},
        {"", "10.1.185.0", false, false},
        {"10", "10.1.185.0", false, false},
        {"10.1.185.0.7", "10.1.185.1", false, false},
        {"10.1.x.0", "10.1.185.0", false, false},
        {"10..185.0", "10.1.185.0", false, false},
        {"10.1.185.99999999999999999999", "10.1.185.0", false, false},
        {"10.1.184.1", "", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool known = !rows[i].known;
        bool before = harden_firmware_before(str_of(rows[i].a), str_of(rows[i].b), &known);
        if (before != rows[i].before || known != rows[i].known)
            fail_msg("%s before %s: %d %d", rows[i].a, rows[i].b, before, known);
    }
}

static void an_empty_list_holds_nothing(void **state) {
    (void)state;
    struct harden_facts facts = {.tls = HARDEN_TLS_1_3};
    struct harden_report report;
    struct arena arena;
    arena_init(&arena, 65536);
    assert_true(harden_judge(NULL, 0, &facts, &arena, &report));
    for (unsigned step = 1; step <= HARDEN_STEP_MAX; step++)
        assert_int_equal(report.steps[step], HARDEN_UNKNOWN);
    arena_release(&arena);
}

/* What harden_value gives, set on a phone, is what the same rule then finds good. */
static void the_value_of_a_rule_makes_it_hold(void **state) {
    (void)state;
    static char page[16384];
    size_t len = 0, given = 0;
    const struct harden_expect expected[] = {
        {STR("setting_server"), STR("https://p.example.com/")}};
    for (int off = 0; off < 2; off++) {
        struct harden_facts facts = {
            .expected = expected, .expected_count = 1, .wui_off_wanted = off == 1};
        struct harden_report report;
        struct arena arena;
        struct dump dump;
        len = given = 0;
        for (size_t i = 0; i < snom->harden_count; i++) {
            char value[64];
            struct outbuf out;
            outbuf_init(&out, value, sizeof(value));
            bool known = harden_value(&snom->harden[i], &facts, &out);
            assert_true(!known || snom->harden[i].check != HARDEN_SET);
            if (!known || str_find(snom->harden[i].setting, '*', 0) < snom->harden[i].setting.len)
                continue;
            given++;
            len += (size_t)snprintf(page + len, sizeof(page) - len, "%.*s&: %.*s\n",
                                    STR_ARG(snom->harden[i].setting), STR_ARG(outbuf_str(&out)));
        }
        arena_init(&arena, DUMP_ARENA);
        assert_int_equal(dump_read((struct str){page, len}, &arena, &dump), DUMP_OK);
        facts.settings = &dump;
        assert_true(harden_judge(snom->harden, snom->harden_count, &facts, &arena, &report));
        for (size_t i = 0; i < report.count; i++)
            assert_int_not_equal(report.findings[i].state, HARDEN_FAILS);
        assert_int_equal(report.steps[2], HARDEN_UNKNOWN); /* its password is not known here */
        assert_true(given > 20);
        arena_release(&arena);
    }
}

static void without_memory_nothing_is_said(void **state) {
    (void)state;
    struct harden_facts facts = {.tls = HARDEN_TLS_1_3};
    struct harden_report report;
    for (size_t cap = 64; cap < 32768; cap *= 2) {
        struct arena arena;
        arena_init(&arena, cap);
        if (!harden_judge(snom->harden, snom->harden_count, &facts, &arena, &report))
            assert_int_equal(report.count, 0);
        arena_release(&arena);
    }
    assert_true(report.count > 0); /* the last one sufficed */
}

/* A phone with more action URLs than findings are wanted. */
static void one_rule_gives_so_many_findings(void **state) {
    (void)state;
    static char page[16384];
    size_t len = 0, found = 0;
    struct arena arena;
    struct dump dump;
    struct harden_report report;
    for (int i = 0; i < 100; i++)
        len += (size_t)snprintf(page + len, sizeof(page) - len, "action_%d_url!: x\n", i);
    arena_init(&arena, DUMP_ARENA);
    assert_int_equal(dump_read((struct str){page, len}, &arena, &dump), DUMP_OK);
    struct harden_facts facts = {.settings = &dump};
    assert_true(harden_judge(snom->harden, snom->harden_count, &facts, &arena, &report));
    for (size_t i = 0; i < report.count; i++)
        found += urlpath_matches(STR("action_*_url"), report.findings[i].name, false);
    assert_int_equal(found, HARDEN_EACH_MAX);
    assert_int_equal(report.steps[HARDEN_BEYOND], HARDEN_FAILS);
    arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_is_judged_as_the_table_says),
        cmocka_unit_test(no_value_of_a_secret_is_in_a_finding),
        cmocka_unit_test(the_list_names_what_every_secret_is),
        cmocka_unit_test(firmware_is_compared_by_its_numbers),
        cmocka_unit_test(an_empty_list_holds_nothing),
        cmocka_unit_test(the_value_of_a_rule_makes_it_hold),
        cmocka_unit_test(without_memory_nothing_is_said),
        cmocka_unit_test(one_rule_gives_so_many_findings),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
