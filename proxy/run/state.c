#include "proxy/run/state.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/replace_file.h"

static bool fail(char *error, size_t error_len, const char *what) {
    snprintf(error, error_len, "%s: %s", what, strerror(errno));
    return false;
}

bool state_open(const char *dir, char *error, size_t error_len) {
    struct stat st;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) return fail(error, error_len, dir);
    if (stat(dir, &st) != 0) return fail(error, error_len, dir);
    if (S_ISDIR(st.st_mode) && (st.st_mode & 077) == 0 && access(dir, R_OK | W_OK | X_OK) == 0)
        return true;
    if (S_ISDIR(st.st_mode) && (st.st_mode & 077) == 0) return fail(error, error_len, dir);
    snprintf(error, error_len, "%s: must be a directory that nobody else can enter: chmod 700",
             dir);
    return false;
}

char *state_path(const char *dir, const char *name) {
    char *path;
    ENSURE(asprintf(&path, "%s/%s", dir, name) > 0);
    return path;
}

/* The new name is on the disk only when the directory is. */
static void sync_directory(const char *dir) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    (void)fsync(fd);
    close(fd);
}

/* A name that no other process writes to, and no second thread of ours; what is there by that name
 * was left by a crash. Not mkostemp: ThreadSanitizer does not see it, takes the descriptor for a
 * connection that libuv has closed, and would have to be told to look away. */
static char *fresh_path(const char *dir) {
    char *path;
    ENSURE(asprintf(&path, "%s/.new-%ld", dir, (long)getpid()) > 0);
    (void)unlink(path);
    return path;
}

bool state_write(const char *dir, const char *name, struct str text, char *error,
                 size_t error_len) {
    char *path = state_path(dir, name);
    char *fresh = fresh_path(dir);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool good = fd >= 0 && replace_file_fill(fd, text) && rename(fresh, path) == 0;
    if (!good) {
        (void)fail(error, error_len, path);
        if (fd >= 0) unlink(fresh);
    }
    if (fd >= 0) close(fd);
    if (good) sync_directory(dir);
    free(path);
    free(fresh);
    return good;
}

/* ---- the key of nonces ---- */

static void make_key(struct nonce_keys *keys, uint64_t now_s) {
    ENSURE(RAND_bytes(keys->current, NONCE_KEY_LEN) == 1);
    keys->made_s = now_s;
}

/* A key from ahead of the clock is one of a clock that was wrong: it counts as old. */
static bool is_old(const struct nonce_keys *keys, uint64_t now_s) {
    return keys->made_s > now_s || now_s - keys->made_s > STATE_KEY_AGE_S;
}

static void rotate(struct nonce_keys *keys, uint64_t now_s) {
    memcpy(keys->previous, keys->current, NONCE_KEY_LEN);
    keys->has_previous = true;
    make_key(keys, now_s);
}

static bool save(const char *dir, const struct nonce_keys *keys, char *error, size_t error_len) {
    char memory[NONCE_KEY_TEXT_MAX];
    struct outbuf out;
    outbuf_init(&out, memory, sizeof(memory));
    nonce_key_write(keys, &out);
    ENSURE(!out.full);
    bool good = state_write(dir, STATE_NONCE_KEY, outbuf_str(&out), error, error_len);
    bytes_wipe(memory, sizeof(memory));
    return good;
}

static bool keys_in_directory(const char *dir, uint64_t now_s, struct nonce_keys *keys, char *error,
                              size_t error_len) {
    char why[256];
    char *path = state_path(dir, STATE_NONCE_KEY);
    bool exists = access(path, F_OK) == 0 || errno != ENOENT;
    bool good = !exists || nonce_key_read(path, keys, why, sizeof(why));
    if (!good) snprintf(error, error_len, "%s: %s", path, why);
    free(path);
    if (!good) return false;
    if (exists && !is_old(keys, now_s)) return true;
    if (exists)
        rotate(keys, now_s);
    else
        make_key(keys, now_s);
    return save(dir, keys, error, error_len);
}

bool state_nonce_keys(struct str dir, struct str shared, uint64_t now_s, struct nonce_keys *keys,
                      char *error, size_t error_len) {
    char why[256];
    if (shared.len > 0) {
        if (nonce_key_read(shared.ptr, keys, why, sizeof(why))) return true;
        snprintf(error, error_len, STR_FMT ": %s", STR_ARG(shared), why);
        return false;
    }
    if (dir.len > 0) return keys_in_directory(dir.ptr, now_s, keys, error, error_len);
    if (keys->made_s == 0)
        make_key(keys, now_s);
    else if (is_old(keys, now_s))
        rotate(keys, now_s);
    return true;
}
