#include "cli/progress.h"

#include "cli/size.h"

#include <string.h>

enum {
    BAR_MAX = 50,      /* Docker's */
    BAR_MIN = 10,      /* a shorter one says nothing */
    STALLED_MS = 5000, /* a rate that is older than that is not one any more */
};

/* Appends at most @columns of @text. What is no ASCII counts for two columns, so that it never
 * takes more than it is thought to. Returns how many were used. */
static unsigned add_clipped(struct str *out, const char *text, unsigned columns)
{
    unsigned used = 0;
    while (*text) {
        unsigned wide = (unsigned char)*text < 0x80 ? 1 : 2;
        size_t bytes = 1;
        while (wide == 2 && ((unsigned char)text[bytes] & 0xc0) == 0x80)
            bytes++;
        if (used + wide > columns)
            break;
        str_addn(out, text, bytes);
        used += wide;
        text += bytes;
    }
    return used;
}

/* "7s", "3m12s", "1h2m" */
static void format_left(double seconds, char ret[32])
{
    long long s = seconds > 359999 ? 359999 : (long long)(seconds + 0.5);
    if (s < 60)
        snprintf(ret, 32, "%llds", s);
    else if (s < 3600)
        snprintf(ret, 32, "%lldm%llds", s / 60, s % 60);
    else
        snprintf(ret, 32, "%lldh%lldm", s / 3600, s / 60 % 60);
}

/* "12.3MB/45.6MB", Docker's numbers. */
static void add_numbers(const struct progress_layer *l, struct str *out)
{
    char current[32], total[32];
    format_fine_size(l->current, current);
    format_fine_size(l->total, total);
    str_addf(out, "%8s", current);
    if (l->total > 0 && l->current <= l->total)
        str_addf(out, "/%s", total);
}

static void add_rate(const struct progress_layer *l, uint64_t now_ms, struct str *out)
{
    char rate[32], left[32];
    if (l->rate < 1 || now_ms - l->sampled_ms > STALLED_MS)
        return;
    format_size((long long)l->rate, rate);
    str_addf(out, "  %s/s", rate);
    if (l->total <= l->current)
        return;
    format_left((double)(l->total - l->current) / l->rate, left);
    str_addf(out, " %s", left);
}

static void add_bar(const struct progress_layer *l, unsigned width, struct str *out)
{
    double share = l->current >= l->total ? 1 : (double)l->current / (double)l->total;
    unsigned done = (unsigned)(share * width);
    str_add(out, "[");
    for (unsigned i = 0; i < done; i++)
        str_add(out, "=");
    str_add(out, ">");
    for (unsigned i = done; i < width; i++)
        str_add(out, " ");
    str_add(out, "] ");
}

void progress_layer_line(const struct progress_layer *l, unsigned columns, uint64_t now_ms,
                         struct str *out)
{
    enum { AROUND_BAR = 5 }; /* a blank before it, brackets and ">", and one behind */
    _cleanup_str_ struct str head = {0}, numbers = {0}, rate = {0}, line = {0};
    str_addf(&head, "%s: %s", l->id, l->status);
    if (l->current > 0 || l->total > 0) {
        add_numbers(l, &numbers);
        add_rate(l, now_ms, &rate);
    }
    str_add(&line, head.s ? head.s : "");
    if (numbers.len > 0) {
        size_t taken = head.len + numbers.len + rate.len + AROUND_BAR;
        size_t width = taken < columns ? columns - taken : 0;
        str_add(&line, " ");
        if (l->total > 0 && width >= BAR_MIN)
            add_bar(l, width > BAR_MAX ? BAR_MAX : (unsigned)width, &line);
        str_add(&line, numbers.s ? numbers.s : "");
        str_add(&line, rate.s ? rate.s : "");
    }
    out->failed |= head.failed || numbers.failed || rate.failed || line.failed;
    if (!out->failed)
        add_clipped(out, line.s, columns);
}
