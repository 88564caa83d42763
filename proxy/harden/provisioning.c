#include "proxy/harden/provisioning.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/base/bytes.h"
#include "proxy/base/replace_file.h"
#include "proxy/config/textfile.h"
#include "proxy/harden/passwords.h"

#define CLIENT_PASS STR("http_client_pass")

/* ---- values of the site's own ---- */

struct collecting {
    const struct provisioning *p;
    const struct config_phone *phone;
    struct secrets secrets;
    struct provisioning_file *file;
    struct sheet_value own[SHEET_OWN_MAX];
    size_t count;
};

static bool fail(struct provisioning_file *file, const char *reason, struct str about) {
    struct str cut = str_part(about, 0, sizeof(file->about) - 1);
    file->reason = reason;
    if (cut.len > 0) memcpy(file->about, cut.ptr, cut.len);
    file->about[cut.len] = '\0';
    return false;
}

static bool has(const struct collecting *c, struct str setting) {
    for (size_t i = 0; i < c->count; i++)
        if (str_equal(c->own[i].setting, setting)) return true;
    return false;
}

static bool add(struct collecting *c, struct str setting, struct str value, bool secret) {
    if (c->count == SHEET_OWN_MAX) return fail(c->file, "too_many_values", setting);
    c->own[c->count++] = (struct sheet_value){setting, value, secret};
    return true;
}

static bool add_secret(struct collecting *c, struct str setting, bool secret) {
    struct str value;
    if (has(c, setting)) return true;
    enum secrets_verdict verdict = secrets_value(&c->secrets, setting, false, &value);
    if (verdict != SECRETS_OK) return fail(c->file, secrets_verdict_str(verdict), setting);
    return add(c, setting, value, secret);
}

static bool add_for_rules(struct collecting *c) {
    const struct profile *profile = c->phone->policy->profile;
    for (size_t i = 0; i < profile->harden_count; i++) {
        const struct harden_rule *rule = &profile->harden[i];
        if (sheet_asks(rule, c->phone->model) && !add_secret(c, rule->setting, rule->secret))
            return false;
    }
    return true;
}

/* The gate alone decides what this password is: it has no candidate. */
static bool make_pull_password(struct collecting *c, struct str *value) {
    struct str id = c->phone->policy->id;
    char text[64];
    struct outbuf out;
    if (vault_get(c->p->vault, id, CLIENT_PASS, VAULT_CURRENT, value)) return true;
    if (vault_problem(c->p->vault, id, CLIENT_PASS, VAULT_CURRENT) != NULL) return false;
    outbuf_init(&out, text, sizeof(text));
    bool made = password_make(PASSWORD_WEB, password_os_random, NULL, &out) && !out.full &&
                vault_put(c->p->vault, id, CLIENT_PASS, VAULT_CURRENT, outbuf_str(&out)) &&
                vault_get(c->p->vault, id, CLIENT_PASS, VAULT_CURRENT, value);
    bytes_wipe(text, sizeof(text));
    return made;
}

/* With what it fetches the next file. */
static bool add_pull_login(struct collecting *c) {
    struct str value = c->phone->pull_password;
    if (value.len == 0 && !c->phone->pull_from_vault) return true;
    if (value.len == 0 && c->p->vault == NULL) return fail(c->file, "no_vault", CLIENT_PASS);
    if (value.len == 0 && !make_pull_password(c, &value))
        return fail(c->file, "no_new_password", CLIENT_PASS);
    return add(c, STR("http_client_user"), c->phone->mac, false) &&
           add(c, CLIENT_PASS, value, true);
}

/* Names and passwords that the configuration uses, whether the vendor's guide knows them or not. */
static bool collect(struct collecting *c) {
    if (!add_for_rules(c)) return false;
    if (c->phone->admin_login.user.len > 0 && (!add_secret(c, STR("service_mode_login"), false) ||
                                               !add_secret(c, STR("service_mode_password"), true)))
        return false;
    return add_pull_login(c);
}

/* ---- the text ---- */

static bool write_text(const struct collecting *c, struct provisioning_file *file) {
    const struct profile *profile = c->phone->policy->profile;
    struct harden_facts facts = {.model = c->phone->model,
                                 .wui_off_wanted = !c->phone->wui,
                                 .expected = c->phone->expected,
                                 .expected_count = c->phone->expected_count};
    struct sheet_wanted wanted = {.rules = profile->harden,
                                  .rule_count = profile->harden_count,
                                  .restart_setting = profile->restart_setting,
                                  .facts = &facts,
                                  .beyond = c->p->beyond,
                                  .own = c->own,
                                  .own_count = c->count};
    struct arena arena;
    struct outbuf out;
    struct sheet sheet;
    char *text = malloc(SHEET_MAX);
    ENSURE(text != NULL);
    arena_init(&arena, SHEET_ARENA);
    outbuf_init(&out, text, SHEET_MAX);
    enum sheet_verdict verdict = sheet_make(&wanted, &arena, &out, &sheet);
    if (verdict == SHEET_OK) {
        file->text = malloc(out.len);
        ENSURE(file->text != NULL);
        memcpy(file->text, text, out.len);
        file->len = out.len;
    } else {
        (void)fail(file, sheet_verdict_str(verdict), sheet.about);
    }
    bytes_wipe(text, SHEET_MAX);
    free(text);
    arena_wipe(&arena);
    arena_release(&arena);
    return verdict == SHEET_OK;
}

bool provisioning_make(const struct provisioning *p, size_t index, struct provisioning_file *file) {
    const struct config_phone *phone = &p->config->phones[index];
    struct collecting c = {
        .p = p, .phone = phone, .file = file, .secrets = {.phone = phone, .vault = p->vault}};
    *file = (struct provisioning_file){.index = index};
    if (phone->mac.len == 0) return fail(file, "no_mac", STR(""));
    if (phone->policy->profile->harden_count == 0) return fail(file, "no_rules", STR(""));
    return collect(&c) && write_text(&c, file);
}

void provisioning_free(struct provisioning_file *file) {
    if (file->text != NULL) bytes_wipe(file->text, file->len);
    free(file->text);
    file->text = NULL;
}

/* ---- the place ---- */

/* What root makes, the service must be able to read: its group may, where there is one. */
static bool open_to_service(const char *path, mode_t mode, char *error, size_t error_len) {
    char memory[4096];
    struct group group, *found = NULL;
    if (geteuid() != 0) return true;
    if (getgrnam_r("phonegate", &group, memory, sizeof(memory), &found) != 0 || found == NULL)
        return true;
    if (lchown(path, (uid_t)-1, found->gr_gid) == 0 && chmod(path, mode) == 0) return true;
    snprintf(error, error_len, "%s: %s", path, strerror(errno));
    return false;
}

bool provisioning_directory(const char *directory, char *error, size_t error_len) {
    char why[160];
    if (mkdir(directory, 0700) == 0) return open_to_service(directory, 0750, error, error_len);
    if (errno != EEXIST)
        snprintf(error, error_len, "%s: %s", directory, strerror(errno));
    else if (textfile_directory_is_private(directory, why, sizeof(why)))
        return true;
    else
        snprintf(error, error_len, "%s: %s", directory, why);
    return false;
}

/* A file that is there keeps its mode when it is replaced, so it gets the right one first; nothing
 * but a file is replaced. */
static bool prepare_old(const char *path, char *error, size_t error_len) {
    struct stat st;
    if (lstat(path, &st) != 0) {
        if (errno == ENOENT) return true;
    } else if (!S_ISREG(st.st_mode)) {
        snprintf(error, error_len, "%s: not a regular file", path);
        return false;
    } else if (chmod(path, 0600) == 0) {
        return true;
    }
    snprintf(error, error_len, "%s: %s", path, strerror(errno));
    return false;
}

bool provisioning_write(const struct provisioning *p, const char *directory,
                        const struct provisioning_file *file, char *error, size_t error_len) {
    struct replace_file place = {.lock = -1};
    char *path;
    ENSURE(asprintf(&path, "%s/" STR_FMT ".xml", directory,
                    STR_ARG(p->config->phones[file->index].mac)) > 0);
    bool good = replace_file_lock(&place, path, error, error_len) &&
                prepare_old(path, error, error_len) &&
                replace_file_write(&place, (struct str){file->text, file->len}, error, error_len) &&
                open_to_service(path, 0640, error, error_len);
    replace_file_unlock(&place);
    free(path);
    return good;
}
