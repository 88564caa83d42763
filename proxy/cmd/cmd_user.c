#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "policy/auth/users.h"
#include "policy/base/bytes.h"
#include "policy/base/outbuf.h"
#include "proxy/base/replace_file.h"
#include "proxy/cmd/cmd.h"
#include "proxy/cmd/cmd_user_parts.h"
#include "proxy/cmd/control_ask.h"
#include "proxy/cmd/password.h"
#include "proxy/cmd/precis.h"
#include "proxy/cmd/strength.h"
#include "proxy/cmd/users_edit.h"
#include "proxy/config/users_dir.h"

enum action {
    ACTION_ADD,
    ACTION_PASSWD,
    ACTION_REMOVE,
    ACTION_LIST,
    ACTION_IMPORT,
    ACTION_UNLOCK,
    ACTION_SIGNOUT
};

struct job {
    enum action action;
    bool allow_weak;
    struct str typed;
    struct str name; /* as it stands in the files, or will */
    const struct config_users *settings;
    struct replace_file file;
    struct textfile text; /* of users_file; empty where there is none yet */
};

int cmd_user_refuse(const char *format, ...) {
    va_list args;
    va_start(args, format);
    cmd_complain("user", format, args);
    va_end(args);
    return CMD_NO;
}

/* The rules of a users file decide: a line that it would not take is not written. */
static bool name_is_good(struct str name) {
    static const uint64_t key[2];
    if (name.len == 0 || name.len > USERS_NAME_MAX || name.ptr[0] == '#') return false;
    char line[USERS_NAME_MAX + 3 + 2 * 32];
    struct outbuf out;
    outbuf_init(&out, line, sizeof(line));
    outbuf_put(&out, name);
    outbuf_put(&out, STR(":r:"));
    for (int i = 0; i < 32; i++) outbuf_char(&out, '1');
    struct users *probe = users_new(STR("r"), key);
    bool good = users_add_line(probe, outbuf_str(&out)) == USERS_LINE_OK;
    users_free(probe);
    return good;
}

bool cmd_user_read(const char *path, struct textfile *text, char *error) {
    if (access(path, F_OK) == 0)
        return textfile_read(path, TEXTFILE_SECRET, CMD_USER_FILE_MAX, text, error, CMD_USER_ERROR);
    *text = (struct textfile){.text = calloc(1, 1)};
    ENSURE(text->text != NULL);
    return true;
}

/* A new name must differ from every other in whichever form it is written; an old one is meant as
 * it stands. */
static struct str find_name(const struct job *job, const struct textfile *text) {
    users_edit_same *same = job->action == ACTION_ADD ? precis_same_name : str_equal;
    return users_edit_find((struct str){text->text, text->len}, job->name, same);
}

/* The file of users_dir that has this user; malloc'ed, NULL where none has. */
static char *find_in_directory(const struct job *job) {
    const struct config_users *settings = job->settings;
    char error[CMD_USER_ERROR], *found = NULL, **names;
    size_t count;
    if (settings->users_dir.len == 0 ||
        !users_dir_list(settings->users_dir.ptr, &names, &count, error, sizeof(error)))
        return NULL;
    for (size_t i = 0; i < count && found == NULL; i++) {
        struct textfile text;
        if (!textfile_read(names[i], TEXTFILE_SECRET, CMD_USER_FILE_MAX, &text, error,
                           sizeof(error)))
            continue;
        if (find_name(job, &text).len > 0) found = strdup(names[i]);
        textfile_free(&text);
    }
    users_dir_free(names, count);
    return found;
}

/* May this action be done on this name? */
static int check_presence(const struct job *job) {
    const char *file = job->settings->users_file.ptr;
    struct str there = find_name(job, &job->text);
    bool here = there.len > 0;
    char *elsewhere = here ? NULL : find_in_directory(job);
    int status = CMD_FINE;
    if (job->action == ACTION_ADD && (here || elsewhere != NULL))
        status =
            cmd_user_refuse("%s is in %s already%s", job->name.ptr, here ? file : elsewhere,
                            here && !str_equal(there, job->name) ? ", in another spelling" : "");
    if (job->action != ACTION_ADD && elsewhere != NULL)
        status = cmd_user_refuse("%s is in %s: change that file", job->name.ptr, elsewhere);
    else if (job->action != ACTION_ADD && !here)
        status = cmd_user_refuse("there is no user %s", job->name.ptr);
    free(elsewhere);
    return status;
}

/* One line of each algorithm that is offered, into `out`. */
static bool write_lines(const struct job *job, struct str password, struct outbuf *out) {
    const struct digest_settings *digest = &job->settings->digest;
    struct hasher *hasher = hasher_new();
    bool good = true;
    for (size_t i = 0; i < digest->algorithm_count; i++) {
        enum hash_alg alg = digest->algorithms[i];
        uint8_t ha1[HASH_MAX_LEN];
        good = good && users_ha1(hasher, alg, job->name, digest->realm, password, ha1);
        outbuf_put(out, job->name);
        outbuf_char(out, ':');
        outbuf_put(out, digest->realm);
        outbuf_char(out, ':');
        if (alg == HASH_SHA512_256) {
            outbuf_put(out, hash_name(alg));
            outbuf_char(out, ':');
        }
        outbuf_hex(out, ha1, hash_len(alg));
        outbuf_char(out, '\n');
        bytes_wipe(ha1, sizeof(ha1));
    }
    hasher_free(hasher);
    return good && !out->full;
}

int cmd_user_write(const struct replace_file *file, struct str text) {
    char error[CMD_USER_ERROR];
    bool is_new = access(file->path, F_OK) != 0;
    if (!replace_file_write(file, text, error, sizeof(error))) return cmd_user_refuse("%s", error);
    if (is_new && geteuid() == 0)
        fprintf(stderr,
                "note: %s is new and only root can read it; the gate must: chgrp phonegate and "
                "chmod 640\n",
                file->path);
    return CMD_FINE;
}

static int replace(const struct job *job, struct str lines) {
    struct str old = {job->text.text, job->text.len};
    size_t len;
    char *text = users_edit_replace(old, job->name, lines, &len);
    int status = cmd_user_write(&job->file, (struct str){text, len});
    bytes_wipe(text, len);
    free(text);
    return status;
}

/* With the file locked and read. */
static int apply(const struct job *job, struct str password) {
    char memory[HASH_ALGS * (USERS_NAME_MAX + 255 + sizeof("::SHA-512-256:") + HASH_MAX_HEX)];
    struct outbuf lines;
    outbuf_init(&lines, memory, sizeof(memory));
    int status = check_presence(job);
    if (status == CMD_FINE && job->action != ACTION_REMOVE && !write_lines(job, password, &lines))
        status = cmd_user_refuse("the password cannot be hashed");
    if (status == CMD_FINE) status = replace(job, outbuf_str(&lines));
    bytes_wipe(memory, sizeof(memory));
    if (status == CMD_FINE) {
        static const char *const done[] = {"added", "changed", "removed"};
        printf("%s %s\n", done[job->action], job->name.ptr);
    }
    return status;
}

static int with_file(struct job *job, struct str password, bool only_look) {
    char error[CMD_USER_ERROR];
    const char *path = job->settings->users_file.ptr;
    if (!replace_file_lock(&job->file, path, error, sizeof(error)))
        return cmd_user_refuse("%s", error);
    int status;
    if (!cmd_user_read(path, &job->text, error)) {
        status = cmd_user_refuse("%s: %s", path, error);
    } else {
        /* An account that somebody else made, in a form that we would not. */
        struct str all = {job->text.text, job->text.len};
        if (job->action != ACTION_ADD && users_edit_find(all, job->typed, str_equal).len > 0)
            job->name = job->typed;
        status = only_look ? check_presence(job) : apply(job, password);
    }
    textfile_free(&job->text);
    replace_file_unlock(&job->file);
    return status;
}

static bool is_strong(const struct job *job, struct str password) {
    const struct config_users *settings = job->settings;
    const struct strength_context ctx = {.user = job->name,
                                         .realm = settings->digest.realm,
                                         .hosts = settings->hosts,
                                         .host_count = settings->host_count};
    char memory[CMD_USER_ERROR];
    const char *weak = strength_problem(password, &ctx, memory, sizeof(memory));
    if (weak == NULL) return true;
    if (job->allow_weak)
        fprintf(stderr, "warning: the password is weak: %s\n", weak);
    else
        (void)cmd_user_refuse("the password is weak: %s (or give --allow-weak)", weak);
    return job->allow_weak;
}

static int ask_and_apply(struct job *job) {
    /* Before the person types twice for nothing; the lock is not held while they do. */
    int status = with_file(job, STR_NONE, true);
    if (status != CMD_FINE || job->action == ACTION_REMOVE)
        return status != CMD_FINE ? status : with_file(job, STR_NONE, false);
    struct textfile memory = {0}, formed = {0};
    struct str password;
    char error[CMD_USER_ERROR];
    status = CMD_NO;
    if (password_read(&memory, &password, error, sizeof(error)) &&
        precis_password(password, &formed, error, sizeof(error))) {
        password = (struct str){formed.text, formed.len};
        if (is_strong(job, password)) status = with_file(job, password, false);
    } else {
        status = cmd_user_refuse("%s", error);
    }
    textfile_free(&formed);
    textfile_free(&memory);
    return status;
}

static bool action_from(const char *word, enum action *action) {
    static const char *const words[] = {"add",    "passwd", "remove", "list",
                                        "import", "unlock", "signout"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        *action = (enum action)i;
        if (word != NULL && strcmp(word, words[i]) == 0) return true;
    }
    return false;
}

/* In the one form that names are kept in. A name that may no longer be made can still be changed or
 * removed where it stands. */
static int change(struct job *job) {
    char error[CMD_USER_ERROR];
    struct textfile formed;
    if (precis_username(job->typed, &formed, error, sizeof(error)))
        job->name = (struct str){formed.text, formed.len};
    else if (job->action == ACTION_ADD)
        return cmd_user_refuse("%s", error);
    int status;
    if (name_is_good(job->name))
        status = ask_and_apply(job);
    else
        status =
            cmd_user_refuse("a name is UTF-8 without colons and control characters, does not begin "
                            "with # and has at most %d octets",
                            USERS_NAME_MAX);
    textfile_free(&formed);
    return status;
}

static int run(struct job *job) {
    if (job->action == ACTION_LIST) return cmd_user_list(job->settings);
    if (job->action == ACTION_UNLOCK || job->action == ACTION_SIGNOUT)
        return control_ask("user", job->settings->state_dir,
                           job->action == ACTION_UNLOCK ? "unlock" : "signout", job->typed);
    if (job->settings->users_file.len == 0)
        return cmd_user_refuse("the configuration has no \"users_file\" to write to");
    if (job->action == ACTION_IMPORT) return cmd_user_import(job->settings, job->typed.ptr);
    return change(job);
}

int cmd_user(int argc, char **argv) {
    const char *file = NULL, *log = NULL, *words[2] = {NULL, NULL};
    const struct cmd_option options[] = {{"-c", &file}, {"--md5", &log}, {NULL, NULL}};
    size_t count = ARRAY_LEN(words);
    struct job job = {.file = {.lock = -1}};
    job.allow_weak = cmd_take_flag(&argc, argv, "--allow-weak");
    if (!cmd_args(argc, argv, options, words, &count)) return CMD_USAGE;
    if (!action_from(words[0], &job.action))
        return cmd_usage_error(argv[0], "add, passwd, remove, list, import, unlock or signout?");
    if ((count == 2) == (job.action == ACTION_LIST))
        return cmd_usage_error(argv[0], count == 2 ? "list takes no name" : "NAME is missing");
    if (job.allow_weak && job.action != ACTION_ADD && job.action != ACTION_PASSWD)
        return cmd_usage_error(argv[0], "--allow-weak goes with add and passwd");
    if (log != NULL && job.action != ACTION_LIST)
        return cmd_usage_error(argv[0], "--md5 goes with list");
    if (log != NULL) return cmd_user_list_md5(log);
    job.typed = job.name = str_of(words[1]);
    struct cmd_problems problems = {0};
    struct config_users *settings;
    enum config_result result =
        config_users_load(file == NULL ? CMD_DEFAULT_FILE : file, cmd_report, &problems, &settings);
    if (settings == NULL) return cmd_status_of(result);
    job.settings = settings;
    int status = run(&job);
    config_users_free(settings);
    return status;
}
