#include "proxy/run/keeper.h"

#include <errno.h>
#include <openssl/rand.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proxy/base/log.h"
#include "proxy/config/textfile.h"
#include "proxy/run/lockout_news.h"
#include "proxy/run/people.h"
#include "proxy/run/state.h"

struct keeper {
    uv_timer_t timer;
    struct shared *shared;
    uv_loop_t *loop;
    struct hasher *hasher;
    struct control *control; /* NULL: nobody can ask */
    char *dir;               /* owned, the state directory; empty: none */
    char *shared_file;       /* owned, nonce_key_file; empty: none */
    struct nonce_keys keys;
    pthread_mutex_t nonce_lock, lockout_lock, session_lock;
    uint64_t people_key[2];               /* of the names in the state file */
    uint64_t saved_known, saved_sessions; /* their changes when they were written last */
    uint64_t saved_at_ms;                 /* loop time */
};

static void acquire(void *owner) {
    pthread_mutex_lock(owner);
}

static void release(void *owner) {
    pthread_mutex_unlock(owner);
}

static void random_or_abort(void *out, size_t len) {
    int rc = RAND_bytes(out, (int)len);
    ENSURE(rc == 1);
}

static uint64_t wall_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec > 0 ? (uint64_t)now.tv_sec : 0;
}

static char *copy(struct str text) {
    char *out = strndup(text.len > 0 ? text.ptr : "", text.len);
    ENSURE(out != NULL);
    return out;
}

/* ---- the key of nonces ---- */

static bool load_keys(struct keeper *k, char *error, size_t error_len) {
    struct nonce_keys keys = k->keys;
    bool good =
        state_nonce_keys(str_of(k->dir), str_of(k->shared_file), wall_s(), &keys, error, error_len);
    if (good) k->keys = keys;
    bytes_wipe(&keys, sizeof(keys));
    return good;
}

static void use_keys(struct keeper *k) {
    nonce_table_rekey(k->shared->nonces, k->keys.current,
                      k->keys.has_previous ? k->keys.previous : NULL);
}

/* A gate that runs for months changes its key too. */
static void rotate_in_time(struct keeper *k) {
    char error[512];
    if (k->shared_file[0] != '\0' || wall_s() - k->keys.made_s <= STATE_KEY_AGE_S) return;
    if (load_keys(k, error, sizeof(error))) {
        use_keys(k);
        return;
    }
    log_event(LOG_ERROR, "state.key_failed", "error=%s", error);
    k->keys.made_s = wall_s() - STATE_KEY_AGE_S + 60; /* again in a minute */
}

/* ---- people ---- */

static uint64_t epoch_ms(const struct keeper *k) {
    return k->shared->epoch_ms + uv_now(k->loop);
}

static void save_people(struct keeper *k) {
    char error[512];
    size_t len;
    if (k->dir[0] == '\0') return;
    /* Before the copy is made: what changes meanwhile is written the next time. */
    k->saved_known = lockout_known_changes(k->shared->lockout);
    k->saved_sessions = sessions_changes(k->shared->sessions);
    k->saved_at_ms = uv_now(k->loop);
    char *text = people_text(k->shared->lockout, k->shared->sessions, k->people_key, KEEPER_PLACES,
                             KEEPER_SESSIONS, &len);
    if (!state_write(k->dir, STATE_PEOPLE, (struct str){text, len}, error, sizeof(error))) {
        log_event(LOG_ERROR, "state.write_failed", "error=%s", error);
        k->saved_known = k->saved_sessions = UINT64_MAX; /* again at the next occasion */
    }
    free(text);
}

/* Who signed out is on the disk within a second; where people were seen may wait. */
static void save_in_time(struct keeper *k) {
    bool ended = sessions_changes(k->shared->sessions) != k->saved_sessions;
    bool seen = lockout_known_changes(k->shared->lockout) != k->saved_known;
    if (ended || (seen && uv_now(k->loop) - k->saved_at_ms >= KEEPER_SAVE_MS)) save_people(k);
}

/* The text of the file, or none: it is missing, or cannot be used. */
static struct textfile read_people(struct keeper *k, bool *lost) {
    struct textfile file = {.text = NULL};
    char error[256] = "not of this form";
    char *path = state_path(k->dir, STATE_PEOPLE);
    *lost = false;
    if (k->dir[0] != '\0' && (access(path, F_OK) == 0 || errno != ENOENT)) {
        bool good =
            textfile_read(path, TEXTFILE_SECRET, KEEPER_PEOPLE_MAX, &file, error, sizeof(error)) &&
            people_key((struct str){file.text, file.len}, k->people_key);
        *lost = !good;
        if (!good) log_event(LOG_ERROR, "state.people_lost", "file=%s error=%s", path, error);
        if (!good) textfile_free(&file);
    }
    free(path);
    return file;
}

/* Where it cannot be known any more who signed out, everybody is asked once. */
static void load_people(struct keeper *k, struct textfile *file, bool lost) {
    if (file->text != NULL && !people_load((struct str){file->text, file->len}, k->shared->lockout,
                                           k->shared->sessions, epoch_ms(k))) {
        log_event(LOG_ERROR, "state.people_lost", "file=%s/%s error=a line is wrong", k->dir,
                  STATE_PEOPLE);
        lost = true;
    }
    if (lost) sessions_end_unknown(k->shared->sessions, epoch_ms(k));
    textfile_free(file);
}

/* ---- life ---- */

static void on_timer(uv_timer_t *timer) {
    struct keeper *k = timer->data;
    rotate_in_time(k);
    lockout_news_tell(k->shared, k->hasher, epoch_ms(k));
    save_in_time(k);
}

static void make_tables(struct keeper *k) {
    uint64_t keys[4];
    uint64_t instance;
    struct policy_lock lock = {&k->nonce_lock, acquire, release};
    random_or_abort(keys, sizeof(keys));
    random_or_abort(&instance, sizeof(instance));
    k->shared->nonces = nonce_table_new(KEEPER_NONCES, k->keys.current, instance, keys, lock);
    use_keys(k);
    k->shared->peers = peers_new(keys + 2);
    k->shared->lockout = lockout_new(KEEPER_COUNTERS, KEEPER_PLACES, k->people_key,
                                     (struct policy_lock){&k->lockout_lock, acquire, release});
    k->shared->sessions = sessions_new(KEEPER_SESSIONS, k->people_key,
                                       (struct policy_lock){&k->session_lock, acquire, release});
}

static bool open_directory(struct keeper *k, struct keeper_orders orders, char *error,
                           size_t error_len) {
    if (k->dir[0] == '\0') return true;
    if (!state_open(k->dir, error, error_len)) return false;
    if (strlen(k->dir) > CONTROL_DIR_MAX) {
        log_event(LOG_WARNING, "control.unavailable", "dir=%s: too long for a socket", k->dir);
        return true;
    }
    k->control = control_open(k->loop, k->dir, orders.act, orders.user, error, error_len);
    return k->control != NULL;
}

struct keeper *keeper_open(uv_loop_t *loop, struct shared *shared, const struct config *config,
                           struct keeper_orders orders, char *error, size_t error_len) {
    struct keeper *k = calloc(1, sizeof(*k));
    ENSURE(k != NULL);
    k->shared = shared;
    k->loop = loop;
    k->hasher = hasher_new();
    k->dir = copy(config->state_dir);
    k->shared_file = copy(config->nonce_key_file);
    pthread_mutex_init(&k->nonce_lock, NULL);
    pthread_mutex_init(&k->lockout_lock, NULL);
    pthread_mutex_init(&k->session_lock, NULL);
    random_or_abort(k->people_key, sizeof(k->people_key));
    if (!open_directory(k, orders, error, error_len) || !load_keys(k, error, error_len)) {
        control_close(k->control);
        keeper_free(k);
        return NULL;
    }
    bool lost;
    struct textfile people = read_people(k, &lost);
    make_tables(k);
    load_people(k, &people, lost);
    k->timer.data = k;
    uv_timer_init(loop, &k->timer);
    uv_timer_start(&k->timer, on_timer, KEEPER_TICK_MS, KEEPER_TICK_MS);
    return k;
}

bool keeper_reload(struct keeper *k, const struct config *config, char *error, size_t error_len) {
    if (!str_equal(config->state_dir, str_of(k->dir)))
        log_event(LOG_WARNING, "state.dir_kept", "dir=%s: another one counts from the next start",
                  k->dir);
    char *old = k->shared_file;
    k->shared_file = copy(config->nonce_key_file);
    if (!load_keys(k, error, error_len)) {
        free(k->shared_file);
        k->shared_file = old;
        return false;
    }
    free(old);
    use_keys(k);
    return true;
}

void keeper_stop(struct keeper *k) {
    uv_close((uv_handle_t *)&k->timer, NULL);
    control_close(k->control);
    k->control = NULL;
}

void keeper_free(struct keeper *k) {
    if (k == NULL) return;
    if (k->shared->nonces != NULL) {
        uv_update_time(k->loop);
        lockout_news_tell(k->shared, k->hasher, epoch_ms(k));
        save_people(k);
    }
    hasher_free(k->hasher);
    nonce_table_free(k->shared->nonces);
    peers_free(k->shared->peers);
    lockout_free(k->shared->lockout);
    sessions_free(k->shared->sessions);
    pthread_mutex_destroy(&k->nonce_lock);
    pthread_mutex_destroy(&k->lockout_lock);
    pthread_mutex_destroy(&k->session_lock);
    bytes_wipe(&k->keys, sizeof(k->keys));
    free(k->dir);
    free(k->shared_file);
    free(k);
}
