#include "proxy/run/server.h"

#include <errno.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "policy/base/bytes.h"
#include "proxy/base/log.h"
#include "proxy/client/conn.h"
#include "proxy/harden/held.h"
#include "proxy/harden/held_check.h"
#include "proxy/phone/phone_conn.h"
#include "proxy/record/event.h"
#include "proxy/run/breakers.h"
#include "proxy/run/keeper.h"
#include "proxy/run/listener.h"
#include "proxy/run/process.h"
#include "proxy/run/site.h"
#include "proxy/run/worker.h"

struct server;

/* A worker with what the server needs to steer it. */
struct crew {
    struct worker worker;
    struct server *server;
    struct message site_message; /* brings `next_site` */
    struct message stop_message;
    struct site *next_site; /* under the server's lock */
    struct listener *listeners;
    uv_timer_t stop_timer;
    uint64_t stop_at_ms;
};

struct server {
    uv_loop_t loop; /* of the main thread: signals */
    uv_signal_t signals[4];
    pthread_mutex_t lock;
    struct shared shared;
    struct keeper *keeper;
    struct breakers *breakers;
    struct site *site;
    struct crew *crews;
    unsigned count;
    const char *path;
    config_report *report;
    void *report_user;
};

/* ---- what all workers share ---- */

static void random_or_abort(void *out, size_t len) {
    int rc = RAND_bytes(out, (int)len);
    ENSURE(rc == 1);
}

static uint64_t wall_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Connections beyond what descriptors allow are refused instead of failing somewhere. */
static void count_descriptors(struct server *s, const struct config *config) {
    size_t limit = config_descriptors(false);
    size_t room = config_connections_room(config, limit);
    atomic_store(&s->shared.connections_room, room);
    if (room < config->limits.connections)
        log_event(LOG_WARNING, "server.few_descriptors",
                  "descriptors=%zu connections=%zu of=%zu: raise the limit of open files "
                  "(LimitNOFILE=)",
                  limit, room, config->limits.connections);
}

/* Counted under each hash that an answer may name a person by: see authn.c. */
static bool unlock(struct server *s, struct str name, uint64_t now_ms) {
    struct lockout *lockout = s->shared.lockout;
    struct str realm = s->site->config->policy.digest.realm;
    struct hasher *hasher = hasher_new();
    bool good = false;
    for (int alg = 0; alg < HASH_ALGS; alg++) {
        uint8_t hash[HASH_MAX_LEN];
        if (!users_name_hash(hasher, (enum hash_alg)alg, name, realm, hash)) continue;
        struct str counted = {(const char *)hash, hash_len((enum hash_alg)alg)};
        good = lockout_unlock(lockout, lockout_user_key(lockout, counted), now_ms) || good;
    }
    hasher_free(hasher);
    return good;
}

static void on_control(void *user, const struct control_command *command, struct outbuf *answer);

static bool open_shared(struct server *s, const struct config *config) {
    char error[512];
    random_or_abort(s->shared.claim_key, sizeof(s->shared.claim_key));
    s->shared.epoch_ms = wall_ms() - uv_now(&s->loop);
    atomic_init(&s->shared.next_id, 1);
    s->keeper = keeper_open(&s->loop, &s->shared, config, (struct keeper_orders){on_control, s},
                            error, sizeof(error));
    if (s->keeper == NULL) {
        log_event(LOG_ERROR, "server.start_failed", "error=%s", error);
        return false;
    }
    uint64_t hash_key[2];
    random_or_abort(hash_key, sizeof(hash_key));
    s->shared.assets = asset_cache_new(hash_key, &config->asset_cache);
    s->shared.log = access_log_open(config->access_log.file.ptr);
    if (s->shared.log == NULL) {
        log_event(LOG_ERROR, "access_log.open_failed", "file=%s error=%s",
                  config->access_log.file.ptr, strerror(errno));
        return false;
    }
    s->shared.held = held_open(&s->loop, &s->shared, config->state_dir);
    held_use(s->shared.held, s->site);
    s->breakers = breakers_open(&s->loop, config->state_dir);
    breakers_restore(s->breakers, s->site->phones, config->policy.phone_count,
                     s->shared.epoch_ms + uv_now(&s->loop));
    breakers_watch(s->breakers, s->site->phones, config->policy.phone_count);
    return true;
}

/* ---- one worker's life ---- */

static void on_site(struct message *message) {
    struct crew *crew = container_of(message, struct crew, site_message);
    pthread_mutex_lock(&crew->server->lock);
    struct site *next = crew->next_site;
    crew->next_site = NULL;
    pthread_mutex_unlock(&crew->server->lock);
    if (next == NULL) return;
    struct site *old = crew->worker.site;
    crew->worker.site = next;
    site_leave(old, next, &crew->worker);
    held_checks_leave(&crew->worker);
    site_release(old);
}

static void close_idle_phones(struct crew *crew) {
    const struct site *site = crew->worker.site;
    for (size_t i = 0; i < site->config->policy.phone_count; i++)
        phone_conn_close_idle(&crew->worker, site->phones[i]);
}

static void close_loop(struct crew *crew) {
    struct worker *w = &crew->worker;
    uv_close((uv_handle_t *)&crew->stop_timer, NULL);
    worker_close(w);
}

static void on_stop_timer(uv_timer_t *timer) {
    struct crew *crew = timer->data;
    struct worker *w = &crew->worker;
    if (worker_now(w) >= crew->stop_at_ms) {
        for (struct conn *c = w->conns; c != NULL; c = c->next) conn_end(c, "stopping");
    }
    close_idle_phones(crew);
    if (w->live == 0) close_loop(crew);
}

static void on_stop(struct message *message) {
    struct crew *crew = container_of(message, struct crew, stop_message);
    struct worker *w = &crew->worker;
    if (w->stopping) return;
    w->stopping = true;
    held_checks_leave(w);
    listeners_close(crew->listeners);
    for (struct conn *c = w->conns; c != NULL; c = c->next) conn_stop(c);
    crew->stop_at_ms = worker_now(w) + SERVER_GRACE_MS;
    crew->stop_timer.data = crew;
    uv_timer_init(&w->loop, &crew->stop_timer);
    uv_timer_start(&crew->stop_timer, on_stop_timer, 0, 20);
}

static bool crew_open(struct crew *crew) {
    crew->site_message.deliver = on_site;
    crew->stop_message.deliver = on_stop;
    worker_init(&crew->worker, &crew->server->shared, (unsigned)(crew - crew->server->crews));
    crew->worker.site = site_hold(crew->server->site);
    return listeners_open(&crew->worker, &crew->listeners);
}

static void crew_run(void *argument) {
    struct crew *crew = argument;
    uv_run(&crew->worker.loop, UV_RUN_DEFAULT);
    site_release(crew->worker.site);
    worker_deinit(&crew->worker);
    listeners_free(crew->listeners);
}

/* ---- signals ---- */

/* A vault that was written less often than before was put back as it once was: its passwords may be
 * older than the phones'. */
static void note_older_vault(struct server *s, const struct config *fresh) {
    const struct config_vault *was = &s->site->config->vault, *is = &fresh->vault;
    if (is->file.len == 0 || !str_equal(was->file, is->file) || is->generation >= was->generation)
        return;
    const struct event_field file = {"vault", is->file};
    const struct event event = {.event = "vault_older",
                                .outcome = "allowed",
                                .reason = "put_back",
                                .more = &file,
                                .more_count = 1};
    event_write(s->shared.log, &event);
    log_event(LOG_ERROR, "vault.older", "file=%s written=%llu before=%llu", is->file.ptr,
              (unsigned long long)is->generation, (unsigned long long)was->generation);
}

/* False: refused, which was logged. */
static bool reload(struct server *s) {
    struct config *config = NULL;
    char error[512] = "";
    access_log_reopen(s->shared.log);
    if (config_load(s->path, s->report, s->report_user, &config) != CONFIG_OK) {
        log_event(LOG_ERROR, "config.reload_refused", "file=%s", s->path);
        return false;
    }
    struct site *site = site_new(config, s->site, error, sizeof(error));
    if (site != NULL && !keeper_reload(s->keeper, config, error, sizeof(error))) {
        site_release(site);
        site = NULL;
    }
    if (site == NULL) {
        log_event(LOG_ERROR, "config.reload_refused", "file=%s error=%s", s->path, error);
        return false;
    }
    held_use(s->shared.held, site);
    breakers_watch(s->breakers, site->phones, site->config->policy.phone_count);
    asset_cache_set_limits(s->shared.assets, &site->config->asset_cache);
    count_descriptors(s, site->config);
    note_older_vault(s, site->config);
    log_event(LOG_INFO, "config.reloaded", "old=" STR_FMT " new=" STR_FMT,
              STR_ARG(s->site->config->digest_of_file), STR_ARG(site->config->digest_of_file));
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->count; i++) {
        struct crew *crew = &s->crews[i];
        bool pending = crew->next_site != NULL;
        site_release(crew->next_site);
        crew->next_site = site_hold(site);
        if (!pending) mailbox_post(&crew->worker.mailbox, &crew->site_message);
    }
    pthread_mutex_unlock(&s->lock);
    site_release(s->site);
    s->site = site;
    return true;
}

/* ---- control.sock ---- */

static void put_number(struct outbuf *out, const char *name, uint64_t value) {
    outbuf_put(out, str_of(name));
    outbuf_char(out, ' ');
    outbuf_u64(out, value);
    outbuf_char(out, '\n');
}

static void put_status(struct server *s, struct outbuf *out) {
    const struct config *config = s->site->config;
    outbuf_put(out, STR("ok version " PHONEGATE_VERSION "\npolicy "));
    outbuf_put(out, config->digest_of_file);
    outbuf_char(out, '\n');
    put_number(out, "workers", s->count);
    put_number(out, "phones", config->policy.phone_count);
    put_number(out, "users", users_count(config->policy.users));
    put_number(out, "connections", peers_total(s->shared.peers));
    put_number(out, "nonces", nonce_table_live(s->shared.nonces));
    put_number(out, "blocks", lockout_blocks(s->shared.lockout));
    held_put_status(s->shared.held, out);
}

/* "ok TEXT NAME" or "no TEXT NAME". */
static void put_verdict(struct outbuf *out, bool good, const char *text, struct str name) {
    outbuf_put(out, good ? STR("ok ") : STR("no "));
    outbuf_put(out, str_of(text));
    outbuf_put(out, name);
    outbuf_char(out, '\n');
}

static void sign_out(struct server *s, struct str name, uint64_t now_ms, struct outbuf *answer) {
    bool known = users_find(s->site->config->policy.users, name) != NULL;
    struct sessions *sessions = s->shared.sessions;
    if (known) sessions_end(sessions, sessions_user_key(sessions, name), now_ms);
    put_verdict(answer, known, known ? "signed out " : "there is no user ", name);
}

static void on_control(void *user, const struct control_command *command, struct outbuf *answer) {
    struct server *s = user;
    uv_update_time(&s->loop);
    uint64_t now_ms = s->shared.epoch_ms + uv_now(&s->loop);
    bool good;
    switch (command->verb) {
    case CONTROL_UNLOCK:
        good = unlock(s, command->name, now_ms);
        put_verdict(answer, good, good ? "unlocked " : "no wrong password is counted for ",
                    command->name);
        return;
    case CONTROL_SIGNOUT:
        sign_out(s, command->name, now_ms, answer);
        return;
    case CONTROL_RELOAD:
        good = reload(s);
        put_verdict(answer, good, good ? "reloaded" : "refused; the gate's log says why", STR_NONE);
        return;
    case CONTROL_STATUS:
        put_status(s, answer);
        return;
    }
}

static void stop(struct server *s) {
    for (unsigned i = 0; i < s->count; i++)
        mailbox_post(&s->crews[i].worker.mailbox, &s->crews[i].stop_message);
    for (size_t i = 0; i < ARRAY_LEN(s->signals); i++)
        uv_close((uv_handle_t *)&s->signals[i], NULL);
    process_tell("STOPPING=1");
    /* A log rotation while the last answers go out must not kill us; a second SIGTERM may. */
    signal(SIGHUP, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    held_stop(s->shared.held);
    keeper_stop(s->keeper);
    breakers_stop(s->breakers);
}

static void on_signal(uv_signal_t *handle, int number) {
    struct server *s = handle->data;
    if (number == SIGHUP)
        (void)reload(s);
    else if (number == SIGUSR1)
        access_log_reopen(s->shared.log);
    else
        stop(s);
}

static void watch_signals(struct server *s) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    _Static_assert(ARRAY_LEN(numbers) == 4, "one handle each");
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        s->signals[i].data = s;
        uv_signal_init(&s->loop, &s->signals[i]);
        uv_signal_start(&s->signals[i], on_signal, numbers[i]);
    }
}

/* ---- start and end ---- */

static unsigned worker_count(const struct config *config) {
    if (config->workers > 0) return config->workers;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores > 0 ? (unsigned)cores : 1;
}

static void begin_checks(struct server *s) {
    ENSURE(s->count > 0);
    struct worker **workers = calloc(s->count, sizeof(struct worker *));
    ENSURE(workers != NULL);
    for (unsigned i = 0; i < s->count; i++) workers[i] = &s->crews[i].worker;
    held_begin(s->shared.held, workers, s->count);
    free(workers);
}

static bool start_crews(struct server *s) {
    s->count = worker_count(s->site->config);
    s->crews = calloc(s->count, sizeof(*s->crews));
    ENSURE(s->crews != NULL);
    if (!listeners_are_free(s->site->config)) return false;
    for (unsigned i = 0; i < s->count; i++) {
        s->crews[i].server = s;
        if (!crew_open(&s->crews[i])) return false;
    }
    for (unsigned i = 0; i < s->count; i++) {
        int rc = uv_thread_create(&s->crews[i].worker.thread, crew_run, &s->crews[i]);
        ENSURE(rc == 0);
    }
    begin_checks(s);
    return true;
}

static void say_ready(const struct server *s) {
    const struct config *config = s->site->config;
    for (size_t i = 0; i < config->https.listen_count; i++)
        log_event(LOG_INFO, "server.listening", "https=" STR_FMT,
                  STR_ARG(config->https.listen[i].text));
    for (size_t i = 0; i < config->http.listen_count; i++)
        log_event(LOG_INFO, "server.listening", "http=" STR_FMT,
                  STR_ARG(config->http.listen[i].text));
    for (size_t i = 0; i < config->provisioning.listen_count; i++)
        log_event(LOG_INFO, "server.listening", "provisioning=" STR_FMT,
                  STR_ARG(config->provisioning.listen[i].text));
    if (config->status.enabled)
        log_event(LOG_INFO, "server.listening", "status=" STR_FMT,
                  STR_ARG(config->status.listen.text));
    log_event(LOG_INFO, "server.ready", "workers=%u phones=%zu policy=" STR_FMT, s->count,
              config->policy.phone_count, STR_ARG(config->digest_of_file));
    process_tell("READY=1");
}

static void close_shared(struct server *s) {
    held_free(s->shared.held);
    breakers_free(s->breakers);
    keeper_free(s->keeper);
    asset_cache_free(s->shared.assets);
    access_log_free(s->shared.log);
    bytes_wipe(&s->shared, sizeof(s->shared));
}

int server_run(struct config *config, const char *path, config_report *report, void *report_user) {
    char error[512] = "";
    struct server s = {.path = path, .report = report, .report_user = report_user};
    process_prepare();
    pthread_mutex_init(&s.lock, NULL);
    int rc = uv_loop_init(&s.loop);
    ENSURE(rc == 0);
    s.site = site_new(config, NULL, error, sizeof(error));
    if (s.site == NULL) {
        log_event(LOG_ERROR, "server.start_failed", "error=%s", error);
        return 1;
    }
    watch_signals(&s); /* before anybody can connect: whoever sees us serving may stop us */
    /* What was begun by then is in every stage; nothing of it outlives the process. */
    count_descriptors(&s, config);
    if (!open_shared(&s, config) || !start_crews(&s)) _exit(1);
    say_ready(&s);
    uv_run(&s.loop, UV_RUN_DEFAULT);
    for (unsigned i = 0; i < s.count; i++) uv_thread_join(&s.crews[i].worker.thread);
    for (unsigned i = 0; i < s.count; i++) site_release(s.crews[i].next_site);
    log_event(LOG_INFO, "server.stopped", "policy=" STR_FMT,
              STR_ARG(s.site->config->digest_of_file));
    close_shared(&s);
    site_release(s.site);
    free(s.crews);
    uv_loop_close(&s.loop);
    return 0;
}
