/* config.h: a configuration file as one immutable snapshot.
 *
 * config_load reads and checks everything in one run and reports every problem with file and line;
 * a snapshot exists only when there was no error. Snapshots are reference-counted: workers and
 * exchanges hold one each, reload swaps one pointer. Format, names, ranges and defaults:
 * phonegate.cfg(5). */
#ifndef PROXY_CONFIG_CONFIG_H
#define PROXY_CONFIG_CONFIG_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "policy/access/policy.h"
#include "proxy/vault/vault_key.h"

struct harden_expect; /* policy/harden/harden.h */

struct config_address {
    struct sockaddr_storage addr; /* IPv4 or IPv6, port set */
    struct str text;              /* as written */
};

/* One address or network that may speak PROXY protocol. */
struct config_network {
    int family;
    uint8_t bytes[16];
    unsigned prefix_bits;
};

enum http_answer { HTTP_ANSWER_REFUSE, HTTP_ANSWER_REDIRECT };

struct config_account {
    struct str user;      /* empty: no such account */
    struct str password;  /* empty: the vault has none yet */
    struct str candidate; /* of the vault: perhaps the phone has this one by now; empty: none */
    bool from_vault;
};

/* One element of the list "users". */
struct config_user_limits {
    struct str name; /* NUL behind it */
    struct user_limits limits;
};

enum phone_verify { PHONE_VERIFY_PIN, PHONE_VERIFY_CA, PHONE_VERIFY_NONE };

struct config_phone {
    const struct policy_phone *policy; /* same index */
    bool tls;                          /* url is https */
    struct str authority;              /* host[:port] as in url: the Host header sent */
    struct str host;                   /* without port and brackets: a name or an address literal */
    uint16_t port;
    struct str mac; /* 12 hex digits in upper case (mac.h); empty: not said */
    bool wui;       /* false: the phone's web interface is to be off */
    struct config_account login;
    struct config_account admin_login;
    uint64_t candidate_after_ms; /* as in struct config_vault */
    struct str pull_password;    /* its http_client_pass; empty: none */
    bool pull_from_vault;        /* there, or it will be */
    bool login_required;         /* false: a phone that asks for no login is served all the same */
    enum phone_verify verify;
    const uint8_t (*pins)[32];   /* SHA-256 of the SPKI */
    size_t pin_count;            /* 0 with PHONE_VERIFY_PIN: none is in force, no phone is right */
    const uint64_t *pin_until_s; /* for each pin; 0: no end. NULL: none has one */
    bool pins_in_file;           /* in pins_file */
    struct str ca_file;
    struct str verify_name;           /* name the certificate must cover; empty: `host` */
    struct str realm;                 /* pinned realm of the phone's challenge (C14); empty: any */
    struct str model;                 /* "D785"; empty: not said */
    uint16_t plain_port, remote_port; /* where an audit looks beside the port of url */
    const struct harden_expect *expected; /* the site's values of settings: its own, else all's */
    size_t expected_count;
    unsigned line;
};

struct config_limits {
    size_t header_bytes, headers, target_bytes, judged_body_bytes;
    uint64_t body_bytes;
    uint64_t handshake_ms, header_ms, body_stall_ms, answer_stall_ms, idle_ms;
    uint64_t body_min_bytes_s, answer_min_bytes_s;
    uint64_t phone_connect_ms, phone_first_byte_ms, phone_stall_ms, queue_ms;
    size_t queue_length, connections, connections_per_address;
    size_t connections_reserve; /* of `connections`, not for strangers */
    uint64_t known_ms;          /* how long a right password makes an address known */
    size_t handshakes, handshakes_per_address; /* at once, in one worker */
    uint64_t handshake_rate, handshake_burst;  /* of a stranger's address; rate 0: any */
};

/* Copies of what the profiles name static. */
struct config_asset_cache {
    size_t bytes;        /* of all copies together; 0: none are kept */
    size_t object_bytes; /* of one body */
    uint64_t max_age_ms; /* how long a copy counts without asking the phone again */
};

/* The background check that phones are still hardened. */
enum hardening_on_drift { HARDENING_REPORT, HARDENING_RESTRICT };
struct config_hardening {
    uint64_t check_every_ms; /* 0: nothing is checked */
    uint32_t parallel;       /* phones at a time */
    int on_drift;
    const struct harden_expect *expected; /* of phones that have none of their own */
    size_t expected_count;
};

/* Passwords of phones in a file of their own (vault.h). */
struct config_vault {
    struct str file; /* path, resolved; empty: there is none */
    struct vault_key_source key;
    uint64_t candidate_after_ms; /* between a refused password and the candidate */
    uint64_t generation;         /* how often it was written when it was read */
};

/* Phones fetch their settings from a listener of their own (policy/access/pull.h). */
struct config_provisioning {
    const struct config_address *listen;
    size_t listen_count;         /* 0: nothing is served */
    struct str directory;        /* path, resolved: MAC.xml of each phone */
    struct str certificate, key; /* paths, resolved */
    struct str client_ca;        /* likewise; empty: certificates of phones count for nothing */
    int min_version;
    struct digest_settings digest;
    const struct users *users; /* phones with a pull_password, by MAC; never a person */
    const struct str *macs;    /* of the phones, by index; empty: none */
};

struct config {
    atomic_uint refs;
    struct policy policy;
    unsigned workers; /* 0: one per core */
    struct {
        const struct config_address *listen;
        size_t listen_count;
        struct str certificate, key; /* paths, resolved */
        int min_version;             /* TLS1_2_VERSION or TLS1_3_VERSION */
        const struct config_network *proxy_protocol_from;
        size_t proxy_protocol_count;
    } https;
    struct {
        const struct config_address *listen;
        size_t listen_count;
        enum http_answer answer;
    } http;
    struct {
        struct config_address listen;
        bool enabled;
    } status;
    struct str state_dir;      /* empty: state in memory */
    struct str nonce_key_file; /* shared by replicas; empty: the gate keeps a key of its own */
    struct {
        struct str file; /* path, resolved, or "-" */
        bool required;   /* access stops while records cannot be written */
    } access_log;
    struct config_limits limits;
    struct config_asset_cache asset_cache;
    struct config_hardening hardening;
    struct config_vault vault;
    struct str pins_file;   /* path, resolved; empty: there is none */
    uint64_t pin_window_ms; /* how long an old pin counts beside a new one */
    struct config_provisioning provisioning;
    const struct config_phone *phones; /* phones[i] goes with policy.phones[i] */
    struct str profiles_dir;           /* path, resolved */
    struct str digest_of_file; /* 16 hex digits over all files read: policy_version in records */
};

enum config_level { CONFIG_ERROR, CONFIG_WARNING };

/* Called for each problem, in the order of the file; `line` is 0 where none applies. */
typedef void config_report(void *user, enum config_level level, const char *file, unsigned line,
                           const char *text);

enum config_result { CONFIG_OK, CONFIG_INVALID, CONFIG_UNREADABLE };

/* Read `path` and all it names. On CONFIG_OK *config is a snapshot with one reference, otherwise
 * NULL. */
MUST_USE enum config_result config_load(const char *path, config_report *report, void *user,
                                        struct config **config);

/* Files that this process may have open: now, or (`hard`) once serve has raised its limit. */
size_t config_descriptors(bool hard);
/* As many connections as `descriptors` carry beside what the gate needs itself. */
size_t config_connections_room(const struct config *config, size_t descriptors);

struct config *config_hold(struct config *config);
/* The last release wipes secrets and frees everything. NULL is fine. */
void config_release(struct config *config);

#endif
