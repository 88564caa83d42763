/* secret init, set and drop: what writes the vault. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/access/route.h"
#include "policy/base/bytes.h"
#include "proxy/base/replace_file.h"
#include "proxy/cmd/cmd.h"
#include "proxy/cmd/cmd_secret.h"
#include "proxy/cmd/control_ask.h"
#include "proxy/cmd/password.h"
#include "proxy/harden/passwords.h"

/* What the vault is for; another name would be a slip of the pen. */
static const struct {
    const char *name;
    bool generated;
    enum password_kind kind;
} settings[] = {
    {"http_user", false, PASSWORD_WEB},
    {"http_pass", true, PASSWORD_WEB},
    {"admin_mode_password", true, PASSWORD_ADMIN},
    {"keyboard_lock_pw", true, PASSWORD_PIN},
    {"service_mode_login", false, PASSWORD_WEB},
    {"service_mode_password", true, PASSWORD_WEB},
};

static bool find_setting(struct str name, size_t *at) {
    for (*at = 0; *at < ARRAY_LEN(settings); ++*at)
        if (str_equal(str_of(settings[*at].name), name)) return true;
    return false;
}

static int complain_setting(struct str name) {
    fprintf(stderr, "phonegate secret: the vault keeps no ");
    cmd_print(stderr, name);
    fprintf(stderr, ", only");
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        fprintf(stderr, "%s %s", i == 0 ? "" : ",", settings[i].name);
    fputc('\n', stderr);
    return CMD_USAGE;
}

static void hear_nothing(void *user, enum config_level level, const char *file, unsigned line,
                         const char *text) {
    (void)user, (void)level, (void)file, (void)line, (void)text;
}

/* Where the configuration is right otherwise, it has to have this phone. */
static bool phone_is_known(const struct secret_job *job) {
    struct config *config;
    if (config_load(job->file, hear_nothing, NULL, &config) != CONFIG_OK) return true;
    bool known = route_by_id(config->policy.routes, job->phone) != NULL;
    config_release(config);
    return known;
}

static int tell_gate(const struct secret_job *job) {
    control_reload("secret", job->settings->state_dir);
    return CMD_FINE;
}

/* ---- init ---- */

/* The service may read what root makes: group phonegate, where there is one. */
static bool open_to_service(int fd) {
    char memory[4096];
    struct group group, *found = NULL;
    if (geteuid() != 0) return true;
    if (getgrnam_r("phonegate", &group, memory, sizeof(memory), &found) != 0 || found == NULL)
        return true;
    return fchown(fd, (uid_t)-1, found->gr_gid) == 0 && fchmod(fd, 0640) == 0;
}

static bool open_file_to_service(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool good = fd >= 0 && open_to_service(fd);
    if (fd >= 0) close(fd);
    return good;
}

static bool make_key(const char *path, char *error, size_t error_len) {
    uint8_t key[VAULT_KEY_LEN];
    char text[2 * VAULT_KEY_LEN + 1];
    struct outbuf out;
    struct replace_file file;
    if (!password_os_random(NULL, key, sizeof(key))) {
        snprintf(error, error_len, "the system gives no random octets");
        return false;
    }
    if (!replace_file_lock(&file, path, error, error_len)) return false;
    outbuf_init(&out, text, sizeof(text));
    outbuf_hex(&out, key, sizeof(key));
    outbuf_char(&out, '\n');
    bool good = access(path, F_OK) != 0;
    if (!good) snprintf(error, error_len, "%s: somebody else made it meanwhile", path);
    good = good && replace_file_write(&file, outbuf_str(&out), error, error_len);
    replace_file_unlock(&file);
    bytes_wipe(key, sizeof(key));
    bytes_wipe(text, sizeof(text));
    if (good && !open_file_to_service(path))
        fprintf(stderr, "warning: %s: the group phonegate cannot read it: %s\n", path,
                strerror(errno));
    return good;
}

/* A directory made in passing would have whatever mode and owner the caller has. */
static bool place_is_there(const char *path) {
    const char *slash = strrchr(path, '/');
    int len = slash == NULL ? 0 : (int)(slash - path);
    char *directory;
    ENSURE(asprintf(&directory, "%.*s", len == 0 ? 1 : len,
                    slash == path ? "/"
                    : len == 0    ? "."
                                  : path) > 0);
    bool there = access(directory, F_OK) == 0;
    if (!there)
        (void)cmd_secret_refuse("the directory %s is missing; make it, so that the service may "
                                "enter it and others may not",
                                directory);
    free(directory);
    return there;
}

int cmd_secret_init(const struct secret_job *job) {
    const struct config_vault *settings_of = &job->settings->vault;
    const char *path = settings_of->file.ptr;
    char error[CMD_SECRET_ERROR];
    if (access(path, F_OK) == 0) return cmd_secret_refuse("%s: it exists already", path);
    if (!place_is_there(path)) return CMD_NO;
    bool new_key =
        settings_of->key.kind == VAULT_KEY_FILE && access(settings_of->key.where, F_OK) != 0;
    if (!cmd_secret_record(job, "vault_made", "")) return CMD_NO;
    if (new_key && !make_key(settings_of->key.where, error, sizeof(error)))
        return cmd_secret_refuse("%s", error);
    struct vault *v = vault_open(path, &settings_of->key, true, error, sizeof(error));
    bool good = v != NULL && vault_commit(v, error, sizeof(error));
    vault_close(v);
    if (!good) return cmd_secret_refuse("%s", error);
    if (!open_file_to_service(path))
        fprintf(stderr, "warning: %s: the group phonegate cannot read it: %s\n", path,
                strerror(errno));
    if (new_key)
        printf("made the key %s: keep a copy where the vault's copies are not\n",
               settings_of->key.where);
    printf("made the vault %s\n", path);
    return CMD_FINE;
}

/* ---- set, drop ---- */

static int write_value(const struct secret_job *job, struct str value) {
    char error[CMD_SECRET_ERROR];
    const struct config_vault *where = &job->settings->vault;
    struct vault *v = vault_open(where->file.ptr, &where->key, false, error, sizeof(error));
    if (v == NULL) return cmd_secret_refuse("%s", error);
    int status = CMD_NO;
    bool set = value.len > 0;
    if (set && !vault_put(v, job->phone, job->setting, job->which, value))
        (void)cmd_secret_refuse("a name or the value is too long, or no name");
    else if (!set && !vault_drop(v, job->phone, job->setting, job->which))
        (void)cmd_secret_refuse("the vault has no %s of phone %s", job->setting.ptr,
                                job->phone.ptr);
    else if (cmd_secret_record(job, set ? "secret_set" : "secret_dropped", job->setting.ptr))
        status = vault_commit(v, error, sizeof(error)) ? CMD_FINE : cmd_secret_refuse("%s", error);
    vault_close(v);
    if (status == CMD_FINE)
        printf("%s %s of %s\n", set ? "set" : "dropped", job->setting.ptr, job->phone.ptr);
    return status == CMD_FINE ? tell_gate(job) : status;
}

static int generate_and_write(const struct secret_job *job, size_t setting) {
    char memory[PASSWORD_LEN];
    struct outbuf out;
    outbuf_init(&out, memory, sizeof(memory));
    if (!settings[setting].generated)
        return cmd_secret_refuse("%s is no password: give it", settings[setting].name);
    if (!password_make(settings[setting].kind, password_os_random, NULL, &out))
        return cmd_secret_refuse("the system gives no random octets");
    int status = write_value(job, outbuf_str(&out));
    bytes_wipe(memory, sizeof(memory));
    return status;
}

int cmd_secret_set(const struct secret_job *job) {
    size_t setting;
    if (!find_setting(job->setting, &setting)) return complain_setting(job->setting);
    if (!phone_is_known(job))
        return cmd_secret_refuse("the configuration has no phone %s", job->phone.ptr);
    if (job->generate) return generate_and_write(job, setting);
    struct textfile memory = {0};
    struct str value;
    char error[CMD_SECRET_ERROR];
    int status = password_read(&memory, &value, error, sizeof(error))
                     ? write_value(job, value)
                     : cmd_secret_refuse("%s", error);
    textfile_free(&memory);
    return status;
}

int cmd_secret_drop(const struct secret_job *job) {
    return write_value(job, STR_NONE);
}
