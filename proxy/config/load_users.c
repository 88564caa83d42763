#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/config/loader.h"
#include "proxy/config/textfile.h"
#include "proxy/config/users_dir.h"
#include "proxy/config/weak.h"

#define USERS_MAX ((size_t)256 << 20) /* bytes of one file: a million users are about 100 MiB */

/* Guessing costs nine hashes a user; with more users than this it would delay a start. */
#define WEAK_CHECK_USERS 5000

/* For the digest over all files: everything but the hash, which is as good as a password. */
static void digest_line(struct loader *l, struct str line) {
    size_t len = line.len;
    while (len > 0 && line.ptr[len - 1] != ':') len--;
    loader_digest(l, str_part(line, 0, len));
}

static void load_text(struct loader *l, const char *path, struct str text) {
    struct problem_place place = {.rank = l->ranks++, .file = path};
    struct str rest = text, line;
    while (str_split(&rest, '\n', &line)) {
        place.line = ++place.order;
        if (line.len > 0 && line.ptr[line.len - 1] == '\r') line.len--;
        enum users_line verdict = users_add_line(l->snapshot->users, line);
        if (verdict == USERS_LINE_OK)
            digest_line(l, line);
        else if (verdict != USERS_LINE_EMPTY)
            problems_add(&l->problems, CONFIG_ERROR, place, "%s", users_line_str(verdict));
    }
}

static void load_file(struct loader *l, const config_setting_t *at, const char *path) {
    struct textfile file;
    char error[160];
    if (!textfile_read(path, TEXTFILE_SECRET, USERS_MAX, &file, error, sizeof(error))) {
        reader_error(&l->reader, at, "users file %s: %s%s", path, error,
                     access(path, F_OK) == 0 ? "" : ": `phonegate user add NAME` makes it");
        return;
    }
    load_text(l, path, (struct str){file.text, file.len});
    textfile_free(&file);
}

static void load_directory(struct loader *l, const config_setting_t *at, const char *path) {
    char **names;
    size_t count;
    char error[160];
    if (!users_dir_list(path, &names, &count, error, sizeof(error))) {
        reader_error(&l->reader, at, "users directory %s: %s", path, error);
        return;
    }
    for (size_t i = 0; i < count; i++) load_file(l, at, names[i]);
    users_dir_free(names, count);
}

/* A user whose lines are all of algorithms that are not offered can never sign in. */
static bool can_sign_in(const struct digest_settings *digest, const struct user *user) {
    for (size_t i = 0; i < digest->algorithm_count; i++)
        if (user->has[digest->algorithms[i]]) return true;
    return false;
}

static bool is_weak(struct loader *l, const struct user *user) {
    struct str realm = l->snapshot->config.policy.digest.realm;
    for (int alg = 0; alg < HASH_ALGS; alg++)
        if (user->has[alg])
            return weak_ha1(l->hasher, (enum hash_alg)alg, user->name, realm, user->ha1[alg]);
    return false;
}

static void warn_about_users(struct loader *l, const config_setting_t *at) {
    const struct users *users = l->snapshot->users;
    size_t count = users_count(users), locked_out = 0;
    struct str first = STR_NONE;
    for (size_t i = 0; i < count; i++) {
        const struct user *user = users_at(users, i);
        if (!can_sign_in(&l->snapshot->config.policy.digest, user)) {
            if (locked_out++ == 0) first = user->name;
        } else if (count <= WEAK_CHECK_USERS && is_weak(l, user)) {
            reader_warning(&l->reader, at, "user \"" STR_FMT "\" has a weak password",
                           STR_ARG(user->name));
        }
    }
    if (count == 0) reader_warning(&l->reader, at, "there are no users: nobody can sign in");
    if (locked_out > 0)
        reader_warning(&l->reader, at,
                       "%zu user(s), \"" STR_FMT
                       "\" first, have no line of an algorithm that is offered and cannot sign in",
                       locked_out, STR_ARG(first));
}

void load_users(struct loader *l) {
    const struct draft *draft = &l->snapshot->draft;
    l->snapshot->users = users_new(draft->realm, l->key);
    l->users_incomplete = true;
    if (draft->realm.len == 0) return; /* reported; every line would be of another realm */
    const config_setting_t *file_at = reader_at(l->root, "users_file");
    const config_setting_t *dir_at = reader_at(l->root, "users_dir");
    size_t errors = l->problems.errors;
    if (draft->users_file.len > 0) load_file(l, file_at, draft->users_file.ptr);
    if (draft->users_dir.len > 0) load_directory(l, dir_at, draft->users_dir.ptr);
    if (draft->users_file.len == 0 && draft->users_dir.len == 0) return;
    l->users_incomplete = l->problems.errors != errors;
    load_limits_apply(l); /* takes hashes away */
    users_hash_names(l->snapshot->users, l->hasher);
    if (!l->users_incomplete) warn_about_users(l, draft->users_file.len > 0 ? file_at : dir_at);
}
