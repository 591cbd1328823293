#include "cli/progress.h"

#include "base/json.h"

#include <string.h>

/* Every frame is one text: up to the first row that stands there, each row that has changed written
 * over and cleared behind its end, never before it, so nothing is seen to vanish and come back. */

enum {
    SAMPLE_MS = 500, /* between two looks at how far a layer is, for its rate */
    COLUMNS_DEFAULT = 80,
    ROWS_DEFAULT = 24,
};

void progress_init(struct progress *p, bool terminal)
{
    *p = (struct progress){.terminal = terminal, .columns = COLUMNS_DEFAULT, .rows = ROWS_DEFAULT};
}

static void drop_layers(struct progress *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->layers[i].id);
        free(p->layers[i].status);
    }
    p->n = 0;
}

void progress_release(struct progress *p)
{
    drop_layers(p);
    free(p->layers);
    strv_release(&p->shown);
    str_release(&p->line);
    progress_init(p, false);
}

void progress_resize(struct progress *p, unsigned columns, unsigned rows)
{
    columns = columns ? columns : COLUMNS_DEFAULT;
    rows = rows ? rows : ROWS_DEFAULT;
    p->resized |= p->shown.n > 0 && (p->columns != columns || p->rows != rows);
    p->columns = columns;
    p->rows = rows;
}

void progress_forget(struct progress *p)
{
    strv_release(&p->shown);
    p->resized = false;
}

/* ---- messages ---- */

/* A stranger's words on one line, cut at PROGRESS_WORD_MAX. NULL: out of memory. */
static char *word(const char *text)
{
    _cleanup_str_ struct str out = {0};
    size_t n = strlen(text);
    if (n > PROGRESS_WORD_MAX)
        n = PROGRESS_WORD_MAX;
    while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    _cleanup_free_ char *cut = strndup(text, n);
    if (!cut)
        return NULL;
    str_add_visible(&out, cut, "");
    return str_steal(&out);
}

static struct progress_layer *find_layer(struct progress *p, const char *id)
{
    for (size_t i = 0; i < p->n; i++)
        if (str_eq(p->layers[i].id, id))
            return &p->layers[i];
    return NULL;
}

/* Takes @id. */
static struct progress_layer *add_layer(struct progress *p, char *id)
{
    if (p->n == p->capacity) {
        size_t capacity = p->capacity ? 2 * p->capacity : 16;
        struct progress_layer *v = reallocarray(p->layers, capacity, sizeof(*v));
        if (!v) {
            free(id);
            return NULL;
        }
        p->layers = v;
        p->capacity = capacity;
    }
    p->layers[p->n] = (struct progress_layer){.id = id};
    return &p->layers[p->n++];
}

/* How fast it goes: by what came in the last half second, and a bit by what was before. */
static void take_sample(struct progress_layer *l, uint64_t now_ms, bool anew)
{
    if (anew || l->current < l->sampled) {
        l->rate = 0;
    } else {
        uint64_t ms = now_ms - l->sampled_ms;
        if (ms < SAMPLE_MS)
            return;
        double rate = (double)(l->current - l->sampled) * 1000 / (double)ms;
        l->rate = l->rate > 0 ? 0.6 * l->rate + 0.4 * rate : rate;
    }
    l->sampled = l->current;
    l->sampled_ms = now_ms;
}

static long long amount(const json_t *message, const char *path)
{
    long long n = json_int(message, path, 0);
    return n > 0 ? n : 0;
}

static int update_layer(struct progress *p, char *id, const json_t *message, uint64_t now_ms)
{
    struct progress_layer *l = find_layer(p, id);
    if (l)
        free(id);
    else
        l = add_layer(p, id);
    const char *text = json_str(message, "status");
    char *status = l ? word(text ? text : "") : NULL;
    if (!status)
        return -ENOMEM;
    bool anew = !str_eq(l->status, status);
    free(l->status);
    l->status = status;
    l->current = amount(message, "progressDetail.current");
    l->total = amount(message, "progressDetail.total");
    take_sample(l, now_ms, anew);
    return 0;
}

/* What is not updated: "latest: Pulling from library/rust", "Digest: sha256:…". */
static int say(struct progress *p, const char *id, const char *text, uint64_t now_ms,
               struct str *out)
{
    int r = p->terminal ? progress_settle(p, now_ms, out) : 0;
    _cleanup_free_ char *copy = strndup(text, strcspn(text, "\r\n"));
    _cleanup_str_ struct str shown = {0};
    if (copy)
        str_add_visible(&shown, copy, "");
    if (r < 0 || !copy || shown.failed)
        return -ENOMEM;
    str_addf(out, "%s%s%s\n", id ? id : "", id ? ": " : "", shown.s ? shown.s : "");
    return out->failed ? -ENOMEM : 0;
}

static int take_message(struct progress *p, const json_t *message, uint64_t now_ms, struct str *out)
{
    const char *id = json_str(message, "id");
    const char *text = json_str(message, "status");
    bool live = id && text && json_is_object(json_at(message, "progressDetail"));
    bool counts = amount(message, "progressDetail.current") > 0 ||
                  amount(message, "progressDetail.total") > 0;
    if (!text)
        text = json_str(message, "stream");
    if (!text || !*text || (!p->terminal && live && counts))
        return 0; /* the picture of a value that changes is for terminals */
    char *name = id ? word(id) : NULL;
    if (id && !name)
        return -ENOMEM;
    if (p->terminal && live && (p->n < PROGRESS_LAYERS_MAX || find_layer(p, name)))
        return update_layer(p, name, message, now_ms);
    int r = say(p, name, text, now_ms, out);
    free(name);
    return r;
}

static int end_line(struct progress *p, uint64_t now_ms, struct str *out)
{
    _cleanup_json_ json_t *message = NULL;
    bool whole = !p->too_long && p->line.len > 0;
    int r = p->line.failed ? -ENOMEM : 0;
    if (r == 0 && whole)
        r = json_parse(p->line.s, p->line.len, "message", &message, NULL);
    if (message)
        r = take_message(p, message, now_ms, out);
    else if (r != -ENOMEM)
        r = 0; /* what is no message says nothing */
    str_release(&p->line);
    p->too_long = false;
    return r;
}

int progress_take(struct progress *p, const char *bytes, size_t n, uint64_t now_ms, struct str *out)
{
    int r = 0;
    while (r == 0 && n > 0) {
        const char *end = memchr(bytes, '\n', n);
        size_t length = end ? (size_t)(end - bytes) : n;
        p->too_long |= p->line.len + length > PROGRESS_LINE_MAX;
        if (!p->too_long)
            str_addn(&p->line, bytes, length);
        if (end)
            r = end_line(p, now_ms, out);
        bytes += length + (end != NULL);
        n -= length + (end != NULL);
    }
    return out->failed ? -ENOMEM : r;
}

/* ---- frames ---- */

static bool is_over(const struct progress_layer *l)
{
    static const char *const ends[] = {"Pull complete",        "Already exists", "Pushed",
                                       "Layer already exists", "Loaded",         "Mounted from "};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (str_after(l->status, ends[i]))
            return true;
    return false;
}

/* What matters most when there is no room for all: 0 is at work, 1 waits, 2 is over. */
static int rank(const struct progress_layer *l)
{
    return is_over(l) ? 2 : l->current > 0 || l->total > 0 ? 0 : 1;
}

/* Marks as many as there is room for: those of the least rank, and of these the first. */
static void choose(const struct progress *p, size_t room, bool *chosen)
{
    for (int wanted = 0; wanted <= 2; wanted++)
        for (size_t i = 0; i < p->n && room > 0; i++)
            if (rank(&p->layers[i]) == wanted) {
                chosen[i] = true;
                room--;
            }
}

/* "… 12 more: 3 done, 9 waiting" */
static void add_rest(const struct progress *p, const bool *chosen, struct strv *rows)
{
    size_t n = 0, over = 0, waiting = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (chosen[i])
            continue;
        n++;
        over += rank(&p->layers[i]) == 2;
        waiting += rank(&p->layers[i]) == 1;
    }
    _cleanup_str_ struct str text = {0};
    str_addf(&text, "%zu more:", n);
    if (n > over + waiting)
        str_addf(&text, " %zu at work,", n - over - waiting);
    if (waiting > 0)
        str_addf(&text, " %zu waiting,", waiting);
    str_addf(&text, " %zu done", over);
    unsigned width = p->columns > 1 ? p->columns - 1 : 1;
    if (text.len > width && !text.failed)
        text.s[width] = '\0';
    strv_add(rows, text.failed ? "" : text.s);
}

/* @all: however many rows there are. */
static int make_rows(const struct progress *p, bool all, uint64_t now_ms, struct strv *rows)
{
    size_t room = p->rows > 1 ? p->rows - 1 : 1; /* the cursor has one */
    bool crowded = !all && p->n > room;
    _cleanup_free_ bool *chosen = calloc(p->n + 1, sizeof(*chosen));
    if (!chosen)
        return -ENOMEM;
    choose(p, crowded ? room - 1 : p->n, chosen);
    for (size_t i = 0; i < p->n; i++) {
        _cleanup_str_ struct str row = {0};
        if (!chosen[i])
            continue;
        /* One column is left free: in the last one a terminal waits before it wraps. */
        progress_layer_line(&p->layers[i], p->columns > 1 ? p->columns - 1 : 1, now_ms, &row);
        _cleanup_free_ char *text = str_steal(&row);
        if (!text)
            return -ENOMEM;
        strv_add(rows, text);
    }
    if (crowded)
        add_rest(p, chosen, rows);
    return rows->failed ? -ENOMEM : 0;
}

/* How many rows stand there. A terminal that has become narrower wraps what is too long, and what
 * has left it at the top cannot be reached. */
static size_t rows_shown(const struct progress *p)
{
    if (!p->resized)
        return p->shown.n;
    size_t n = 0, most = p->rows > 1 ? p->rows - 1 : 0;
    for (size_t i = 0; i < p->shown.n; i++) {
        size_t length = strlen(p->shown.v[i]);
        n += length > 0 ? (length + p->columns - 1) / p->columns : 1;
    }
    return n < most ? n : most;
}

/* Rows are cleared one by one, behind their text: some terminals keep what a whole screen showed
 * when it is cleared. */
static void add_rows(const struct progress *p, const struct strv *rows, struct str *out)
{
    size_t same = 0, up = rows_shown(p);
    while (!p->resized && same < rows->n && same < up && str_eq(rows->v[same], p->shown.v[same]))
        same++;
    if (!p->resized && same == rows->n && same == up)
        return;
    if (up > same)
        str_addf(out, "\x1b[%zuA\r", up - same);
    for (size_t i = same; i < rows->n; i++) {
        bool stands = !p->resized && i < up && str_eq(rows->v[i], p->shown.v[i]);
        /* A row that was wrapped is one with the next until it is cleared whole. */
        str_addf(out, "%s%s%s\r\n", p->resized ? "\x1b[2K" : "", stands ? "" : rows->v[i],
                 stands || i >= up ? "" : "\x1b[K");
    }
    if (up > rows->n)
        str_add(out, "\x1b[J");
}

static int draw(struct progress *p, bool all, uint64_t now_ms, struct str *out)
{
    _cleanup_strv_ struct strv rows = {0};
    int r = make_rows(p, all, now_ms, &rows);
    if (r < 0)
        return r;
    add_rows(p, &rows, out);
    p->resized = false;
    strv_release(&p->shown);
    p->shown = TAKE(rows, (struct strv){0});
    return out->failed ? -ENOMEM : 0;
}

int progress_draw(struct progress *p, uint64_t now_ms, struct str *out)
{
    return p->terminal ? draw(p, false, now_ms, out) : 0;
}

int progress_settle(struct progress *p, uint64_t now_ms, struct str *out)
{
    if (!p->terminal || p->n == 0)
        return 0;
    int r = draw(p, true, now_ms, out);
    drop_layers(p);
    progress_forget(p);
    return r;
}
