#include "proxy/phone/phone.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "policy/base/bytes.h"
#include "proxy/phone/phone_session.h"

static struct str copy(struct str s) {
    char *text = malloc(s.len + 1);
    ENSURE(text != NULL);
    if (s.len > 0) memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    return (struct str){text, s.len};
}

static void drop(struct str *s, bool secret) {
    if (s->ptr == NULL) return;
    union {
        const char *in;
        char *out;
    } own = {.in = s->ptr};
    if (secret) bytes_wipe(own.out, s->len);
    free(own.out);
    *s = STR_NONE;
}

/* ---- settings ---- */

static struct str form_digest(const struct config_phone *cfg) {
    const struct phone_form *form = cfg->policy->profile->form;
    if (form == NULL) return STR_NONE;
    return (struct str){(const char *)form->digest, sizeof(form->digest)};
}

static bool fingerprint(struct phone *phone, const struct config_phone *cfg) {
    struct stat ca = {0};
    if (cfg->ca_file.len > 0 && stat(cfg->ca_file.ptr, &ca) != 0) return false;
    uint64_t numbers[] = {cfg->tls,
                          cfg->port,
                          cfg->login_required,
                          cfg->verify,
                          cfg->policy->profile->login,
                          phone->concurrent_max,
                          (uint64_t)ca.st_mtime,
                          (uint64_t)ca.st_size,
                          cfg->pin_count,
                          cfg->candidate_after_ms,
                          cfg->pin_until_s != NULL};
    /* Lengths stand between the texts, so that no two settings have the same octets. */
    struct str texts[] = {cfg->policy->id,
                          cfg->authority,
                          cfg->login.user,
                          cfg->login.password,
                          cfg->admin_login.user,
                          cfg->admin_login.password,
                          cfg->login.candidate,
                          cfg->admin_login.candidate,
                          cfg->ca_file,
                          cfg->verify_name,
                          cfg->realm,
                          form_digest(cfg)};
    uint64_t lengths[ARRAY_LEN(texts)];
    struct str parts[2 + 2 + ARRAY_LEN(texts)];
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        lengths[i] = texts[i].len;
        parts[4 + i] = texts[i];
    }
    parts[0] = (struct str){(const char *)numbers, sizeof(numbers)};
    parts[1] = (struct str){(const char *)lengths, sizeof(lengths)};
    parts[2] = (struct str){(const char *)cfg->pins, cfg->pin_count * 32};
    parts[3] = (struct str){(const char *)cfg->pin_until_s,
                            cfg->pin_until_s == NULL ? 0 : cfg->pin_count * sizeof(uint64_t)};
    struct hasher *hasher = hasher_new();
    bool done = hash_parts(hasher, HASH_SHA256, parts, ARRAY_LEN(parts), phone->fingerprint);
    hasher_free(hasher);
    return done;
}

static struct phone_tls *make_tls(const struct config_phone *cfg, char *error, size_t error_len) {
    /* In the place of a pin that nobody gave: no key has this hash. */
    static const uint8_t none[1][32] = {{0}};
    const bool lacks_pin = cfg->verify == PHONE_VERIFY_PIN && cfg->pin_count == 0;
    struct phone_tls_settings settings = {
        .pins = lacks_pin ? none : cfg->pins,
        .pin_until_s = lacks_pin ? NULL : cfg->pin_until_s,
        .pin_count = cfg->verify != PHONE_VERIFY_PIN ? 0
                     : lacks_pin                     ? 1
                                                     : cfg->pin_count,
        .ca_file = cfg->verify == PHONE_VERIFY_CA ? cfg->ca_file.ptr : NULL,
        .name = cfg->verify_name.len > 0 ? cfg->verify_name : cfg->host,
        .verify_none = cfg->verify == PHONE_VERIFY_NONE,
    };
    return phone_tls_new(&settings, error, error_len);
}

/* A candidate alone: the first password that this phone was ever given. */
static void init_account(struct phone_account *account, const struct config_account *cfg) {
    bool only = cfg->password.len == 0 && cfg->candidate.len > 0;
    account->user = copy(cfg->user);
    account->password = copy(cfg->password);
    account->candidate = copy(cfg->candidate);
    account->candidate_state = cfg->candidate.len > 0 ? CANDIDATE_KEPT : CANDIDATE_NONE;
    if (only) account->candidate_state = CANDIDATE_NEXT;
    account->candidate_told = true;
    atomic_init(&account->on_candidate, only);
    atomic_init(&account->turn, 0);
}

struct phone *phone_new(const struct config_phone *cfg, size_t queue_max, char *error,
                        size_t error_len) {
    struct phone *phone = calloc(1, sizeof(*phone));
    ENSURE(phone != NULL);
    atomic_init(&phone->refs, 1);
    atomic_init(&phone->retired, false);
    atomic_init(&phone->generation, 0);
    atomic_init(&phone->one_answer_until_ms, 0);
    ENSURE(RAND_bytes((unsigned char *)&phone->cache_key, sizeof(phone->cache_key)) == 1);
    pthread_mutex_init(&phone->lock, NULL);
    phone->id = copy(cfg->policy->id);
    phone->host = copy(cfg->host);
    phone->authority = copy(cfg->authority);
    phone->realm = copy(cfg->realm);
    phone->port = cfg->port;
    phone->login = cfg->policy->profile->login;
    phone->form = phone_form_hold(cfg->policy->profile->form);
    phone->login_required = cfg->login_required;
    phone->concurrent_max = cfg->policy->profile->concurrent_requests;
    phone->queue_max = queue_max;
    phone->candidate_after_ms = cfg->candidate_after_ms;
    init_account(&phone->accounts[ACCOUNT_LOGIN], &cfg->login);
    init_account(&phone->accounts[ACCOUNT_ADMIN], &cfg->admin_login);
    if (cfg->tls) phone->tls = make_tls(cfg, error, error_len);
    bool usable = (!cfg->tls || phone->tls != NULL);
    if (usable && !fingerprint(phone, cfg)) {
        snprintf(error, error_len, "CA file cannot be read");
        usable = false;
    }
    if (usable) return phone;
    phone_release(phone);
    return NULL;
}

struct phone *phone_hold(struct phone *phone) {
    atomic_fetch_add(&phone->refs, 1);
    return phone;
}

void phone_release(struct phone *phone) {
    if (phone == NULL || atomic_fetch_sub(&phone->refs, 1) != 1) return;
    for (size_t i = 0; i < PHONE_ACCOUNTS; i++) {
        drop(&phone->accounts[i].user, false);
        drop(&phone->accounts[i].password, true);
        drop(&phone->accounts[i].candidate, true);
        phone_challenge_wipe(&phone->accounts[i].spare);
        phone_session_free(phone->accounts[i].session);
    }
    drop(&phone->id, false);
    drop(&phone->host, false);
    drop(&phone->authority, false);
    drop(&phone->realm, false);
    phone_tls_free(phone->tls);
    phone_form_release(phone->form);
    pthread_mutex_destroy(&phone->lock);
    free(phone);
}

void phone_set_queue(struct phone *phone, size_t queue_max) {
    pthread_mutex_lock(&phone->lock);
    phone->queue_max = queue_max;
    pthread_mutex_unlock(&phone->lock);
}

bool phone_same(const struct phone *phone, const struct phone *other) {
    return bytes_equal_ct(phone->fingerprint, other->fingerprint, sizeof(phone->fingerprint));
}

/* ---- calling ---- */

static void deliver_call(struct message *message) {
    struct phone_waiter *waiter = container_of(message, struct phone_waiter, message);
    waiter->state = WAITER_IDLE;
    waiter->called(waiter);
}

static void call(struct phone_waiter *waiter) {
    waiter->state = WAITER_CALLED;
    waiter->message.deliver = deliver_call;
    mailbox_post(&waiter->worker->mailbox, &waiter->message);
}

static bool list_remove(struct phone_waiter **list, struct phone_waiter *waiter) {
    for (; *list != NULL; list = &(*list)->next) {
        if (*list != waiter) continue;
        *list = waiter->next;
        waiter->state = WAITER_IDLE;
        return true;
    }
    return false;
}

/* ---- slots ---- */

/* A person's k-th waiting request belongs to the k-th round from now; within a round it is first
 * come, first served. */
static void queue_insert(struct phone *phone, struct phone_waiter *waiter) {
    waiter->round = phone->round + 1;
    for (struct phone_waiter *w = phone->queue; w != NULL; w = w->next) {
        if (w->person == waiter->person) waiter->round = w->round + 1;
    }
    struct phone_waiter **at = &phone->queue;
    while (*at != NULL && (*at)->round <= waiter->round) at = &(*at)->next;
    waiter->next = *at;
    *at = waiter;
    waiter->state = WAITER_QUEUED;
    phone->queued++;
}

static enum slot_verdict background_insert(struct phone *phone, struct phone_waiter *waiter) {
    if (phone->background_queued == PHONE_BACKGROUND_MAX) return SLOT_FULL;
    struct phone_waiter **at = &phone->background;
    while (*at != NULL) at = &(*at)->next;
    waiter->next = NULL;
    *at = waiter;
    waiter->state = WAITER_QUEUED;
    phone->background_queued++;
    return SLOT_QUEUED;
}

/* A free slot, and nobody before us who could have it. */
static bool is_free_for(const struct phone *phone, const struct phone_waiter *waiter) {
    if (phone->in_flight >= phone->concurrent_max || phone->queue != NULL) return false;
    return !waiter->background || (phone->background == NULL && phone->background_in_flight == 0);
}

enum slot_verdict phone_slot_take(struct phone *phone, struct phone_waiter *waiter) {
    enum slot_verdict verdict = SLOT_FULL;
    pthread_mutex_lock(&phone->lock);
    if (is_free_for(phone, waiter)) {
        phone->in_flight++;
        if (waiter->background) phone->background_in_flight++;
        verdict = SLOT_GRANTED;
    } else if (waiter->background) {
        verdict = background_insert(phone, waiter);
    } else if (phone->queued < phone->queue_max) {
        queue_insert(phone, waiter);
        verdict = SLOT_QUEUED;
    }
    pthread_mutex_unlock(&phone->lock);
    return verdict;
}

bool phone_slot_leave(struct phone *phone, struct phone_waiter *waiter) {
    pthread_mutex_lock(&phone->lock);
    bool left = list_remove(waiter->background ? &phone->background : &phone->queue, waiter);
    if (left && waiter->background)
        phone->background_queued--;
    else if (left)
        phone->queued--;
    pthread_mutex_unlock(&phone->lock);
    return left;
}

/* Whose turn it is: people first. NULL: nobody's. */
static struct phone_waiter *take_next(struct phone *phone) {
    struct phone_waiter *next = phone->queue;
    if (next != NULL) {
        phone->queue = next->next;
        phone->queued--;
        phone->round = next->round;
        return next;
    }
    next = phone->background;
    if (next == NULL || phone->background_in_flight > 0) return NULL;
    phone->background = next->next;
    phone->background_queued--;
    phone->background_in_flight++;
    return next;
}

void phone_slot_give(struct phone *phone, const struct phone_waiter *waiter) {
    pthread_mutex_lock(&phone->lock);
    ENSURE(phone->in_flight > 0 && (!waiter->background || phone->background_in_flight > 0));
    if (waiter->background) phone->background_in_flight--;
    struct phone_waiter *next = take_next(phone);
    if (next == NULL)
        phone->in_flight--;
    else
        call(next); /* the slot goes over as it is */
    pthread_mutex_unlock(&phone->lock);
}

struct phone_load phone_load(struct phone *phone) {
    struct phone_load load;
    pthread_mutex_lock(&phone->lock);
    load.in_flight = phone->in_flight;
    load.waiting = phone->queued;
    for (size_t i = 0; i < PHONE_ACCOUNTS; i++) {
        for (const struct phone_waiter *w = phone->accounts[i].waiting; w != NULL; w = w->next)
            load.waiting++;
    }
    pthread_mutex_unlock(&phone->lock);
    return load;
}

/* ---- login ---- */

static bool is_stopped(const struct phone_account *account, uint64_t now_ms) {
    return account->state == LOGIN_BROKEN && now_ms < account->retry_ms;
}

struct str phone_password(const struct phone *phone, enum phone_account_kind kind, unsigned *turn) {
    const struct phone_account *account = &phone->accounts[kind];
    /* Before the password: where it changes in between, what comes of it is passed over. */
    if (turn != NULL) *turn = atomic_load(&account->turn);
    return atomic_load(&account->on_candidate) ? account->candidate : account->password;
}

bool phone_candidate_news(struct phone *phone, enum phone_account_kind kind,
                          enum phone_candidate *state) {
    struct phone_account *account = &phone->accounts[kind];
    pthread_mutex_lock(&phone->lock);
    bool news = !account->candidate_told;
    *state = account->candidate_state;
    account->candidate_told = true;
    pthread_mutex_unlock(&phone->lock);
    return news;
}

bool phone_login_stopped(struct phone *phone, enum phone_account_kind kind, uint64_t now_ms) {
    pthread_mutex_lock(&phone->lock);
    bool stopped = is_stopped(&phone->accounts[kind], now_ms);
    pthread_mutex_unlock(&phone->lock);
    return stopped;
}

enum login_verdict phone_login_begin(struct phone *phone, enum phone_account_kind kind,
                                     struct phone_waiter *waiter, uint64_t now_ms) {
    struct phone_account *account = &phone->accounts[kind];
    enum login_verdict verdict = LOGIN_GO;
    pthread_mutex_lock(&phone->lock);
    if (is_stopped(account, now_ms)) {
        verdict = LOGIN_STOPPED;
    } else if (account->state == LOGIN_TRYING) {
        struct phone_waiter **at = &account->waiting;
        while (*at != NULL) at = &(*at)->next;
        waiter->next = NULL;
        waiter->state = WAITER_QUEUED;
        *at = waiter;
        verdict = LOGIN_WAIT;
    } else if (account->state != LOGIN_PROVEN) {
        account->state = LOGIN_TRYING;
        verdict = LOGIN_TRIAL;
    }
    pthread_mutex_unlock(&phone->lock);
    return verdict;
}

static void turn(struct phone_account *account, enum phone_candidate state) {
    account->candidate_state = state;
    account->candidate_told = state == CANDIDATE_KEPT; /* of that there is no record */
}

/* Readers read the turn first and then which one it is: the turn changes last. */
static void send_candidate(struct phone_account *account, bool candidate) {
    atomic_store(&account->on_candidate, candidate);
    atomic_fetch_add(&account->turn, 1);
}

/* The other one's turn comes, after a pause. */
static void turn_over(struct phone_account *account, enum phone_candidate state,
                      uint64_t retry_ms) {
    turn(account, state);
    send_candidate(account, state == CANDIDATE_NEXT);
    account->state = LOGIN_BROKEN;
    account->retry_ms = retry_ms;
    account->has_spare = false;
}

static void note_rejection(struct phone_account *account, uint64_t pause, uint64_t now_ms) {
    /* Neither is right: what is tried later, once in a while, is the one that was in force last. */
    if (account->candidate_state == CANDIDATE_NEXT || account->candidate_state == CANDIDATE_LOST) {
        turn(account, CANDIDATE_REFUSED);
        if (account->password.len > 0) send_candidate(account, false);
    }
    for (unsigned i = 0; i < account->rejections && pause < PHONE_BREAKER_MAX_MS; i++) pause *= 2;
    account->rejections++;
    account->state = LOGIN_BROKEN;
    account->retry_ms = now_ms + (pause < PHONE_BREAKER_MAX_MS ? pause : PHONE_BREAKER_MAX_MS);
    account->has_spare = false;
}

/* True when this opened the breaker. */
static bool note_refused(const struct phone *phone, struct phone_account *account, bool silent,
                         uint64_t now_ms) {
    if (is_stopped(account, now_ms)) return false;
    account->unanswered = silent ? PHONE_LOGIN_UNANSWERED_MAX - 1 : 0;
    if (account->candidate_state == CANDIDATE_KEPT)
        turn_over(account, CANDIDATE_NEXT, now_ms + phone->candidate_after_ms);
    else if (account->candidate_state == CANDIDATE_TAKEN && account->password.len > 0)
        turn_over(account, CANDIDATE_LOST, now_ms + phone->candidate_after_ms);
    else
        note_rejection(account, silent ? PHONE_SILENT_MS : PHONE_BREAKER_MS, now_ms);
    return true;
}

static bool note_outcome(const struct phone *phone, struct phone_account *account,
                         enum login_outcome outcome, uint64_t now_ms) {
    switch (outcome) {
    case LOGIN_ACCEPTED:
        account->state = LOGIN_PROVEN;
        account->rejections = account->unanswered = 0;
        if (account->candidate_state == CANDIDATE_NEXT) turn(account, CANDIDATE_TAKEN);
        if (account->candidate_state == CANDIDATE_LOST) turn(account, CANDIDATE_KEPT);
        return false;
    case LOGIN_REJECTED:
    case LOGIN_SILENT:
        return note_refused(phone, account, outcome == LOGIN_SILENT, now_ms);
    case LOGIN_NO_ANSWER:
        if (account->state == LOGIN_TRYING) account->state = LOGIN_UNKNOWN;
        return false;
    }
    return false;
}

bool phone_login_end(struct phone *phone, enum phone_account_kind kind, unsigned turn,
                     enum login_outcome outcome, uint64_t now_ms) {
    struct phone_account *account = &phone->accounts[kind];
    bool opened = false;
    pthread_mutex_lock(&phone->lock);
    /* Whoever changed the turn ended the trial as well: a late answer ends nobody else's. */
    if (turn == atomic_load(&account->turn)) opened = note_outcome(phone, account, outcome, now_ms);
    while (account->state != LOGIN_TRYING && account->waiting != NULL) {
        struct phone_waiter *next = account->waiting;
        account->waiting = next->next;
        call(next);
    }
    pthread_mutex_unlock(&phone->lock);
    return opened;
}

bool phone_login_leave(struct phone *phone, enum phone_account_kind kind,
                       struct phone_waiter *waiter) {
    pthread_mutex_lock(&phone->lock);
    bool left = list_remove(&phone->accounts[kind].waiting, waiter);
    pthread_mutex_unlock(&phone->lock);
    return left;
}
