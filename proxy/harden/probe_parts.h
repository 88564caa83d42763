/* probe_parts.h: what the files of a probe share.
 *
 * probe.c: the slot, the order of the steps, the end. probe_look.c: what the ports show.
 * probe_read.c: what the phone's pages say to somebody who is logged in. probe_factory.c: the
 * factory's password of administrators. */
#ifndef PROXY_HARDEN_PROBE_PARTS_H
#define PROXY_HARDEN_PROBE_PARTS_H

#include "policy/harden/about.h"
#include "proxy/harden/look.h"
#include "proxy/harden/probe.h"

struct probe {
    struct grave grave;
    struct timed timed; /* the wait for the slot */
    struct phone_waiter waiter;
    struct worker *worker;
    struct config *config; /* one reference */
    const struct config_phone *cfg;
    struct phone *phone; /* one reference */
    struct phone *side;  /* the same device at another port, or without a login; owned */
    struct probe_options options;
    probe_done *done; /* NULL: cancelled */
    void *user;
    struct look *look;   /* under way; NULL: none */
    struct fetch *fetch; /* likewise */
    struct probe_result result;
    struct arena arena; /* what the facts point into: secrets, too */
    struct dump dump;
    char *text; /* the settings page, owned; the dump points into it */
    size_t text_len;
    size_t page;              /* of the profile's settings_pages */
    const char *page_trouble; /* the first page's */
    bool has_slot, over;
    bool waits;                    /* in the phone's queue */
    void (*next)(struct probe *p); /* with the slot */
    char mac[13], model[ABOUT_MODEL_MAX], firmware[ABOUT_FIRMWARE_MAX];
};

/* The reason stays that came first. */
void probe_trouble(struct probe *p, const char *reason);
/* The end: `done` is called. */
void probe_finish(struct probe *p);
/* The same, from the loop. */
void probe_finish_soon(struct probe *p);

/* On with `next`, with the slot: in the background whoever waits for the phone goes first. */
void probe_go_on(struct probe *p, void (*next)(struct probe *p));

/* With the slot taken: the ports, then probe_read. */
void probe_look(struct probe *p);

/* The ports are known: log in and read, where that is safe, then probe_finish. */
void probe_read(struct probe *p);

/* May a factory password be tried? Then do, and go on with probe_settings. */
bool probe_factory(struct probe *p);
/* Read the settings and which phone it is, then probe_finish. */
void probe_settings(struct probe *p);
/* Ask for, or send to, a page of the phone. `body`: POST it; .ptr NULL: GET. */
void probe_fetch(struct probe *p, struct str target, struct str body,
                 enum phone_account_kind account, fetch_done *done);
/* The phone did not answer as it should: note why, and what that means for the login. */
void probe_failed(struct probe *p, const char *reason);

/* The same device in p->side. False where it cannot be made. */
enum probe_door {
    PROBE_CLEAR,   /* another port, in clear */
    PROBE_OLD_TLS, /* the TLS port, for what only old software speaks; proves nothing */
    PROBE_OPEN,    /* as configured, but without a login */
};
bool probe_side(struct probe *p, enum probe_door door, uint16_t port);

/* Before the phone is asked through its own queue. */
void probe_give_slot(struct probe *p);

#endif
