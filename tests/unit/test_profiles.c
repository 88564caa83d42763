/* Every profile of policy/profiles/ as the gate loads it, asked every question of its table in
 * tests/vectors/ by host name and by path: both must come to the same answer and send the same
 * target. A profile without a table fails. */
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/access/decide.h"
#include "proxy/config/config.h"
#include "tests/unit/access_vectors.h"
#include "tests/unit/tls_fixture.h"

#define HEX64       "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define JUDGED_BODY 1024 /* the configuration below says the same */

static const char users[] = "ann:phones.example.com:" HEX64 "\neve:phones.example.com:" HEX64
                            "\nrex:phones.example.com:" HEX64 "\njoe:phones.example.com:" HEX64
                            "\nnil:phones.example.com:" HEX64 "\n";
static const char settings[] =
    "realm = \"phones.example.com\";\n"
    "https: { listen = [ \"127.0.0.1:8443\" ]; certificate = \"gate.crt\"; key = \"gate.key\"; };\n"
    "host = [ \"gate.example.com\" ];\n"
    "users_file = \"users\";\n"
    "limits: { judged_body_bytes = 1024; };\n"
    "grants = ( { users = [ \"ann\" ]; role = \"admin\"; phones = [ \"*\" ]; scripts = true; },\n"
    "  { users = [ \"eve\" ]; role = \"user\"; phones = [ \"*\" ]; scripts = true; },\n"
    "  { users = [ \"rex\" ]; role = \"admin\"; phones = [ \"*\" ]; scripts = true;\n"
    "    allow = [ \"firmware-url\", \"factory-reset\", \"minibrowser-url\" ]; },\n"
    "  { users = [ \"joe\" ]; role = \"user\"; phones = [ \"*\" ]; scripts = true;\n"
    "    allow = [ \"firmware-url\", \"factory-reset\", \"minibrowser-url\" ]; } );\n"
    "phones = ( { id = \"101\"; url = \"https://192.0.2.101\"; profile = \"%s\";\n"
    "  host = \"101.phones.example.com\"; tls: { verify = \"none\"; };\n"
    "  login: { user = \"gate\"; password_file = \"secret\"; }; } );\n"
    "profiles_dir = \"%s/policy/profiles\";\n";

static void write_file(const char *dir, const char *name, const char *text) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void print_problem(void *user, enum config_level level, const char *file, unsigned line,
                          const char *text) {
    (void)user;
    if (level == CONFIG_ERROR) print_message("%s:%u: %s\n", file, line, text);
}

static struct config *load(const char *profile) {
    char dir[64], path[128], here[PATH_MAX], text[PATH_MAX + sizeof(settings) + 64];
    (void)umask(077); /* keys and secrets that others may read are refused */
    assert_non_null(fixture_dir_make(dir));
    assert_non_null(getcwd(here, sizeof(here)));
    EVP_PKEY *key = fixture_ec_key();
    X509 *cert = fixture_cert_new((struct fixture_cert){
        .cn = "gate.example.com", .sans = "DNS:gate.example.com", .key = key});
    fixture_write_cert(dir, "gate.crt", cert, path);
    fixture_write_key(dir, "gate.key", key, NULL, path);
    (void)snprintf(text, sizeof(text), settings, profile, here);
    write_file(dir, "users", users);
    write_file(dir, "secret", "correct horse battery\n");
    write_file(dir, "phonegate.cfg", text);
    (void)snprintf(path, sizeof(path), "%s/phonegate.cfg", dir);
    struct config *config = NULL;
    enum config_result result = config_load(path, print_problem, NULL, &config);
    X509_free(cert);
    EVP_PKEY_free(key);
    fixture_dir_remove(dir);
    assert_int_equal(result, CONFIG_OK);
    return config;
}

/* ---- one row ---- */

struct row {
    const char *file;
    unsigned line;
    struct str user, method, target, body, verdict, rule;
};

struct asked {
    struct request_view req;
    struct header header;
    char target[1024];
    char body[2048];
    size_t body_len;
};

static bool split_row(char *text, struct row *row) {
    char *arrow = strstr(text, " -> ");
    if (arrow == NULL) return false;
    row->rule = str_trim(str_of(arrow + 4));
    struct str rest = str_trim((struct str){text, (size_t)(arrow - text)});
    struct str cells[5] = {STR_NONE, STR_NONE, STR_NONE, STR_NONE, STR_NONE}, piece;
    size_t count = 0;
    while (str_split(&rest, ' ', &piece)) {
        if (piece.len == 0) continue;
        if (count == ARRAY_LEN(cells)) return false;
        cells[count++] = piece;
    }
    row->user = cells[0];
    row->method = cells[2];
    row->target = cells[3];
    row->body = cells[4];
    size_t blank = str_find(row->rule, ' ', 0);
    row->verdict = str_part(row->rule, 0, blank);
    row->rule = str_trim(str_part(row->rule, blank, row->rule.len));
    return count >= 4;
}

static void put_text(struct asked *a, struct str text) {
    assert_true(a->body_len + text.len < sizeof(a->body));
    if (text.len > 0) memcpy(a->body + a->body_len, text.ptr, text.len);
    a->body_len += text.len;
}

static void put_multipart(struct asked *a, struct str names) {
    struct str name;
    while (str_split(&names, ',', &name)) {
        put_text(a, STR("--b\r\nContent-Disposition: form-data; name=\""));
        put_text(a, name);
        put_text(a, STR("\"\r\n\r\nx\r\n"));
    }
    put_text(a, STR("--b--\r\n"));
}

static void set_body(struct asked *a, struct str text) {
    struct str kind = str_part(text, 0, str_find(text, ':', 0));
    text = str_part(text, kind.len + 1, text.len);
    a->header.name = STR("Content-Type");
    a->header.value = STR("application/x-www-form-urlencoded");
    if (str_equal(kind, STR("multi"))) {
        a->header.value = STR("multipart/form-data; boundary=b");
        put_multipart(a, text);
    } else {
        char plain[1024];
        put_text(a, vectors_unescape(text, plain));
    }
    if (str_equal(kind, STR("lines"))) a->header.value = STR("text/plain");
    if (str_equal(kind, STR("xml"))) a->header.value = STR("text/xml");
    a->req.headers = &a->header;
    a->req.header_count = !str_equal(kind, STR("raw"));
    a->req.body = BODY_LENGTH;
    a->req.content_length = a->body_len;
    if (str_equal(kind, STR("long"))) a->req.content_length = JUDGED_BODY + 1;
}

static void set_target(struct asked *a, struct str authority, const char *prefix,
                       struct str target) {
    int len = snprintf(a->target, sizeof(a->target), "%s" STR_FMT, prefix, STR_ARG(target));
    a->req.authority = authority;
    a->req.target = (struct str){a->target, (size_t)len};
    size_t question = str_find(a->req.target, '?', 0);
    a->req.path = str_part(a->req.target, 0, question);
    a->req.query = STR_NONE;
    if (question < a->req.target.len) {
        a->req.query = str_part(a->req.target, question + 1, a->req.target.len);
    }
}

static void judge(const struct config *config, struct arena *arena, const struct row *row,
                  const struct asked *a, struct decision *d) {
    struct decide_ctx ctx = {
        .policy = &config->policy,
        .arena = arena,
        .assume_user = users_find(config->policy.users, row->user),
    };
    assert_non_null(ctx.assume_user);
    decide(&ctx, &a->req, d);
    if (d->verdict == DECIDE_NEED_BODY) {
        assert_true(a->req.body != BODY_NONE);
        decide_body(&ctx, &a->req, (struct str){a->body, a->body_len}, d);
    }
}

/* True where the row came true; else it is told what came instead. */
static bool expect(const struct row *row, const struct decision *d, bool by_path) {
    char status[16];
    (void)snprintf(status, sizeof(status), "%u", d->status);
    struct str verdict = str_of(status);
    if (d->verdict == DECIDE_FORWARD) verdict = STR("allow");
    if (d->verdict == DECIDE_DENY && d->status == 403) verdict = STR("deny");
    struct str rule = d->rule != NULL ? d->rule->name : STR("-");
    /* Without a grant a host is unknown (421) where a path is (404). */
    if (by_path && str_equal(verdict, STR("404"))) verdict = STR("421");
    if (str_equal(verdict, row->verdict) && str_equal(rule, row->rule)) return true;
    print_message("%s:%u: " STR_FMT " " STR_FMT " " STR_FMT "\n  got " STR_FMT " " STR_FMT
                  " (%s)\n",
                  row->file, row->line, STR_ARG(row->user), STR_ARG(row->method),
                  STR_ARG(row->target), STR_ARG(verdict), STR_ARG(rule), d->reason);
    return false;
}

static bool row_comes_true(const struct config *config, const struct row *row) {
    struct arena arena;
    struct asked by_host = {0}, by_path = {0};
    struct decision d[2];
    arena_init(&arena, 1 << 18);
    assert_true(method_from(row->method, &by_host.req.method));
    if (row->body.ptr != NULL) set_body(&by_host, row->body);
    by_path = by_host;
    if (by_path.req.headers != NULL) by_path.req.headers = &by_path.header;
    set_target(&by_host, STR("101.phones.example.com:8443"), "", row->target);
    set_target(&by_path, STR("gate.example.com:8443"), "/phone/101", row->target);
    judge(config, &arena, row, &by_host, &d[0]);
    judge(config, &arena, row, &by_path, &d[1]);
    bool good = expect(row, &d[0], false);
    good = expect(row, &d[1], true) && good;
    assert_true(str_equal(d[0].target, d[1].target));
    arena_release(&arena);
    return good;
}

/* ---- one table ---- */

static FILE *open_table(const char *profile) {
    static const char *const places[] = {"tests/vectors/policy", "tests/vectors"};
    char path[PATH_MAX];
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s.txt", places[i], profile);
        FILE *file = fopen(path, "r");
        if (file != NULL) return file;
    }
    fail_msg("tests/vectors/policy/%s.txt: every shipped profile has its table", profile);
    return NULL;
}

/* "phone 101 NAME" says whose table it is, "user ..." what setup() gives that name: lines for
 * `phonegate check --expect`. */
static bool is_setting(const char *text, const char *profile) {
    char own[128];
    (void)snprintf(own, sizeof(own), "phone 101 %s", profile);
    if (strncmp(text, "user ", 5) == 0 || strcmp(text, own) == 0) return true;
    if (strncmp(text, "phone ", 6) == 0) fail_msg("%s.txt: \"%s\"?", profile, text);
    return false;
}

/* The least a table may say: each page and each trick, for a person of either role. */
static size_t rows_wanted(const char *profile) {
    return strcmp(profile, "snom") == 0 ? 300 : 60;
}

static void check_table(const char *profile) {
    struct config *config = load(profile);
    FILE *file = open_table(profile);
    char text[2048];
    struct row row = {.file = profile};
    size_t rows = 0, wrong = 0;
    while (fgets(text, sizeof(text), file) != NULL) {
        row.line++;
        text[strcspn(text, "\r\n")] = '\0';
        if (text[0] == '#' || text[0] == '\0' || is_setting(text, profile)) continue;
        if (!split_row(text, &row)) fail_msg("%s.txt:%u: not a row", profile, row.line);
        wrong += !row_comes_true(config, &row);
        rows++;
    }
    (void)fclose(file);
    config_release(config);
    if (wrong > 0) fail_msg("%s.txt: %zu of %zu rows did not come true", profile, wrong, rows);
    if (rows < rows_wanted(profile)) fail_msg("%s.txt: %zu rows are too few", profile, rows);
}

static int is_profile(const struct dirent *entry) {
    const char *dot = strrchr(entry->d_name, '.');
    return dot != NULL && strcmp(dot, ".cfg") == 0;
}

static void U01_to_U08_R16_R17_the_tables_of_all_profiles(void **state) {
    (void)state;
    struct dirent **entries;
    int count = scandir("policy/profiles", &entries, is_profile, alphasort);
    assert_true(count >= 11);
    for (int i = 0; i < count; i++) {
        *strrchr(entries[i]->d_name, '.') = '\0';
        check_table(entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

static void profiles_say_how_to_talk_to_the_phone(void **state) {
    (void)state;
    struct config *config = load("snom");
    const struct profile *profile = config->policy.phones[0].profile;
    assert_int_equal(profile->login, PHONE_LOGIN_DIGEST);
    assert_int_equal(profile->concurrent_requests, 1);
    assert_true(profile->case_insensitive_paths);
    assert_true(profile->keep_alive_header);
    assert_int_equal(profile->no_keep_alive_count, 1);
    config_release(config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(U01_to_U08_R16_R17_the_tables_of_all_profiles),
        cmocka_unit_test(profiles_say_how_to_talk_to_the_phone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
