/* stream.h: one TCP connection, in clear or with TLS, as plain octets.
 *
 * OpenSSL reads from the loop's own read buffer and writes into pooled buffers; nothing is copied
 * through memory BIOs. The owner embeds the stream, gets news by callback, and frees its memory in
 * on_closed, never before. Writing never blocks and never fails at once: stop when stream_is_full,
 * go on at on_writable. All of it belongs to one worker's thread.
 *
 * Way of a stream: CLEAR or HANDSHAKE -> OPEN -> FINISHING (all is written, then FIN; what still
 * comes is thrown away) -> CLOSED (the handle is being closed; no callback but on_closed comes). */
#ifndef PROXY_NET_STREAM_H
#define PROXY_NET_STREAM_H

#include <openssl/ssl.h>
#include <uv.h>

#include "proxy/net/io.h"

/* Unsent octets at which a writer should pause, and below which it is told to go on. */
#define STREAM_HIGH_WATER (64 * 1024)
#define STREAM_LOW_WATER  (16 * 1024)
/* Up to so many octets wait for the end of the loop's round; more would only drive each other out
 * of the processor's cache. */
#define STREAM_SOON_MAX 4096
/* A TLS connection keeps its record buffers from this write on: not one that gets a challenge, an
 * answer and is left alone. */
#define STREAM_WARM_WRITES 3
/* After the last answer, how long we wait for the other side's FIN, throwing away what it sends. */
#define STREAM_LINGER_MS 2000
/* Octets of TLS that bring no data, one after the other: more than one record's beginning and what
 * belongs to its upkeep. Beyond that somebody keeps us busy with key updates, and we would keep our
 * replies for them. */
#define STREAM_BARREN_MAX (32 * 1024)
/* The last answer itself must be taken: in each of these spans at least as many octets (256 a
 * second). */
#define STREAM_FINISH_MS    30000
#define STREAM_FINISH_LEAST (256 * STREAM_FINISH_MS / 1000)

enum stream_state {
    STREAM_CLEAR,
    STREAM_HANDSHAKE,
    STREAM_OPEN,
    STREAM_FINISHING,
    STREAM_CLOSED,
};

enum stream_end {
    STREAM_END_NOTIFY, /* close_notify: whatever came before is complete */
    STREAM_END_EOF,    /* FIN without close_notify, or in clear */
    STREAM_END_RESET,  /* the machine's doing or the peer's reset */
    STREAM_END_TLS,    /* handshake or record failure */
};

struct stream;

struct stream_ops {
    void (*on_open)(struct stream *s); /* the handshake is done */
    void (*on_data)(struct stream *s,
                    struct str data);      /* valid during the call; keep what you need */
    void (*on_batch)(struct stream *s);    /* all data of one read was given: a place to flush */
    void (*on_writable)(struct stream *s); /* was full, is not any more */
    void (*on_end)(struct stream *s,
                   enum stream_end why); /* no more data will come; the stream is not closed, and
                                            what is written goes: a RESET may follow */
    void (*on_closed)(struct stream *s); /* last call: memory may go */
};

struct stream {
    uv_tcp_t tcp;
    uv_timer_t linger;
    uv_write_t write;
    uv_shutdown_t shutdown;
    const struct stream_ops *ops;
    struct io *io;
    SSL *ssl; /* owned; NULL in clear */
    enum stream_state state;
    struct str cipher; /* octets being fed to OpenSSL, borrowed during a feed */
    char *saved;       /* octets that came while paused, owned */
    size_t saved_len;
    size_t barren; /* octets of TLS since the last that brought data */
    bool paused;
    bool reading; /* uv_read_start is in force */
    bool feeding; /* inside a feed: no second one is begun */
    bool ended;   /* on_end was given */
    bool lost;    /* ... with a RESET */
    bool writing; /* a uv_write is under way */
    bool was_full;
    unsigned writes;      /* since stream_cool */
    bool warm;            /* TLS keeps its buffers from record to record */
    bool stirred;         /* octets came or went since stream_cool_if_quiet was asked */
    bool broken;          /* a write failed: nothing is sent any more, the end is read */
    unsigned closes_left; /* handles whose close callback has not come */
    struct io_buf *out_first, *out_last; /* not yet given to the kernel */
    struct io_buf *flight;               /* belongs to the uv_write under way */
    size_t unsent;                       /* octets in out_* */
    uint64_t queued_total;               /* octets ever put into out_* */
    uint64_t taken_before;               /* FINISHING: stream_taken when the span began */
    bool soon;                           /* stands in the list of io */
    struct stream *soon_prev, *soon_next;
};

BIO_METHOD *stream_bio_method_new(void);

/* Open the handles; nothing is connected yet. 0 or a negative libuv code, after which only
 * on_closed comes. */
MUST_USE int stream_init(struct stream *s, struct io *io, const struct stream_ops *ops);

/* Begin to read what the peer sends (connected streams). */
void stream_read(struct stream *s);

/* Go from CLEAR to HANDSHAKE. Takes `ssl`, whose connect or accept state is set. */
void stream_start_tls(struct stream *s, SSL *ssl);

/* The handle was opened on a connected descriptor whose TLS, if any, is established: go to OPEN.
 * Takes `ssl`. */
void stream_adopt(struct stream *s, SSL *ssl);

/* Give octets to the stream as if they had been read (what came before TLS was started). */
void stream_feed(struct stream *s, struct str octets);

/* Stop and go on with on_data. Safe inside callbacks. */
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);

/* Queue octets; they leave at stream_flush or stream_flush_soon. */
void stream_write(struct stream *s, struct str data);
void stream_flush(struct stream *s);
/* The same, small writes together with those of other streams before the loop sleeps: who reads
 * them on this machine is woken once and not for each. */
void stream_flush_soon(struct stream *s);
bool stream_is_full(const struct stream *s);
/* Octets that the kernel has not taken yet. */
size_t stream_unsent(const struct stream *s);
/* Octets that the other side's kernel has taken; ours alone may keep megabytes, and makes room for
 * more in leaps. */
uint64_t stream_taken(const struct stream *s);

/* Give back the record buffers that a busy TLS connection keeps; the second only where nothing has
 * come or gone since it was last asked. */
void stream_cool(struct stream *s);
void stream_cool_if_quiet(struct stream *s);

/* Write what is queued, say goodbye properly, close. No callback but on_closed comes any more. */
void stream_finish(struct stream *s);
/* Close now, dropping what is unsent. Fine on a closed stream. */
void stream_close(struct stream *s);
/* The same, and the peer is told by a reset that this is no orderly end: what it has of a message
 * without a length is not all of it. */
void stream_reset(struct stream *s);

bool stream_is_closed(const struct stream *s);

#endif
