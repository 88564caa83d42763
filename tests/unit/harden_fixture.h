/* harden_fixture.h: policy/profiles/snom.cfg as the gate loads it. */
#ifndef TESTS_UNIT_HARDEN_FIXTURE_H
#define TESTS_UNIT_HARDEN_FIXTURE_H

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/harden/harden.h"
#include "proxy/config/config.h"
#include "tests/unit/access_vectors.h"
#include "tests/unit/tls_fixture.h"

static const char harden_settings[] =
    "realm = \"phones.example.com\";\n"
    "https: { listen = [ \"127.0.0.1:8443\" ]; certificate = \"gate.crt\"; key = \"gate.key\"; };\n"
    "host = [ \"gate.example.com\" ];\nusers_file = \"users\";\ngrants = ( );\n"
    "phones = ( { id = \"101\"; url = \"https://192.0.2.101\"; profile = \"snom\";\n"
    "  tls: { verify = \"none\"; }; login: { user = \"gate\"; password_file = \"secret\"; }; } "
    ");\n";

/* What load and unload keep. */
static struct config *config;
static const struct profile *snom;

static inline void write_file(const char *dir, const char *name, const char *text,
                              const char *more) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fputs(more, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static inline void print_problem(void *user, enum config_level level, const char *file,
                                 unsigned line, const char *text) {
    (void)user;
    if (level == CONFIG_ERROR) print_message("%s:%u: %s\n", file, line, text);
}

static inline int load(void **state) {
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
    write_file(dir, "phonegate.cfg", harden_settings, more);
    (void)snprintf(path, sizeof(path), "%s/phonegate.cfg", dir);
    enum config_result result = config_load(path, print_problem, NULL, &config);
    X509_free(cert);
    EVP_PKEY_free(key);
    fixture_dir_remove(dir);
    if (result != CONFIG_OK) return -1;
    snom = config->policy.phones[0].profile;
    return 0;
}

static inline int unload(void **state) {
    (void)state;
    config_release(config);
    return 0;
}

#endif
