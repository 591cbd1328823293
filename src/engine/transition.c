#include "engine/transition.h"

#include <string.h>

enum status { CREATED, RUNNING, PAUSED, RESTARTING, EXITED, REMOVING, DEAD, STATUSES };

static const char *const status_names[STATUSES] = {
    [CREATED] = "created", [RUNNING] = "running",
    [PAUSED] = "paused",   [RESTARTING] = "restarting",
    [EXITED] = "exited",   [REMOVING] = "removing",
    [DEAD] = "dead"};

enum answer {
    NO,      /* refused: the first word of the list below that fits */
    YES,     /* goes on; where it leads stands in the comment */
    ALREADY, /* nothing to do, and no error */
};

/* clang-format off */
static const enum answer table[VERBS][STATUSES] = {
    /*                       created  running  paused   restarting exited   removing dead      leads to    */
    [VERB_START]          = {YES,     ALREADY, NO,      ALREADY,   YES,     NO,      NO},   /* running     */
    [VERB_STOP]           = {ALREADY, YES,     YES,     YES,       ALREADY, ALREADY, NO},   /* exited      */
    [VERB_RESTART]        = {YES,     YES,     YES,     YES,       YES,     NO,      NO},   /* running     */
    [VERB_KILL]           = {NO,      YES,     YES,     YES,       NO,      NO,      NO},   /* as it takes it */
    [VERB_PAUSE]          = {NO,      YES,     NO,      NO,        NO,      NO,      NO},   /* paused      */
    [VERB_UNPAUSE]        = {NO,      NO,      YES,     NO,        NO,      NO,      NO},   /* running     */
    [VERB_REMOVE]         = {YES,     NO,      NO,      NO,        YES,     ALREADY, NO},   /* removing    */
    [VERB_REMOVE_FORCED]  = {YES,     YES,     YES,     YES,       YES,     ALREADY, YES},  /* removing    */
    [VERB_RENAME]         = {YES,     YES,     YES,     YES,       YES,     NO,      NO},   /* the same    */
    [VERB_UPDATE]         = {YES,     YES,     YES,     YES,       YES,     NO,      NO},   /* the same    */
    [VERB_EXEC]           = {NO,      YES,     NO,      NO,        NO,      NO,      NO},   /* the same    */
    [VERB_ATTACH]         = {NO,      YES,     NO,      NO,        NO,      NO,      NO},   /* the same    */
    [VERB_TOP]            = {NO,      YES,     YES,     NO,        NO,      NO,      NO},   /* the same    */
};

#define ANY STATUSES

/* What a refusal says, in Docker's words; the first that fits. "$N" is the container's name, "$I"
 * its ID. */
static const struct {
    enum verb verb;
    enum status status;
    int code;
    const char *words;
} refusals[] = {
    {VERB_START,   PAUSED,     EPERM, "cannot start a paused container, try unpause instead"},
    {VERB_KILL,    ANY,        ESRCH, "cannot kill container: $N: container $I is not running"},
    {VERB_PAUSE,   PAUSED,     EPERM, "container $I is already paused"},
    {VERB_PAUSE,   RESTARTING, EPERM, "container $I is restarting, wait until the container is running"},
    {VERB_PAUSE,   ANY,        ESRCH, "container $I is not running"},
    {VERB_UNPAUSE, ANY,        EPERM, "container $I is not paused"},
    {VERB_REMOVE,  RUNNING,    EBUSY, "cannot remove container \"/$N\": container is running: stop the container before removing or force remove"},
    {VERB_REMOVE,  PAUSED,     EBUSY, "cannot remove container \"/$N\": container is paused and must be unpaused first"},
    {VERB_REMOVE,  RESTARTING, EBUSY, "cannot remove container \"/$N\": container is restarting: stop the container before removing or force remove"},
    {VERB_EXEC,    PAUSED,     EPERM, "container $N is paused, unpause the container before exec"},
    {VERB_EXEC,    RESTARTING, EPERM, "container $I is restarting, wait until the container is running"},
    {VERB_EXEC,    ANY,        ESRCH, "container $I is not running"},
    {VERB_ATTACH,  PAUSED,     EPERM, "cannot attach to a paused container, unpause it first"},
    {VERB_ATTACH,  RESTARTING, EPERM, "cannot attach to a restarting container, wait until it is running"},
    {VERB_ATTACH,  ANY,        ESRCH, "cannot attach to a stopped container, start it first"},
    {VERB_TOP,     RESTARTING, EPERM, "container $I is restarting, wait until the container is running"},
    {VERB_TOP,     ANY,        ESRCH, "container $I is not running"},
};
/* clang-format on */

static enum status status_of(const json_t *state)
{
    const char *name = json_str(state, "State.Status");
    for (enum status s = 0; name && s < STATUSES; s++)
        if (str_eq(name, status_names[s]))
            return s;
    return DEAD;
}

static void fill_in(struct str *out, const char *words, const struct container_record *c)
{
    for (const char *at = words; *at;) {
        size_t n = strcspn(at, "$");
        str_addf(out, "%.*s", (int)n, at);
        at += n;
        if (*at)
            str_add(out, at[1] == 'N' ? record_name(c) : c->id);
        at += *at ? 2 : 0;
    }
}

static int refuse(enum verb verb, enum status status, const struct container_record *c,
                  struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        if (refusals[i].verb != verb || (refusals[i].status != ANY && refusals[i].status != status))
            continue;
        _cleanup_str_ struct str text = {0};
        fill_in(&text, refusals[i].words, c);
        return text.failed ? err_nomem(e) : err_set(e, refusals[i].code, "%s", text.s);
    }
    return err_set(e, EBUSY, "container %s is %s", c->id, status_names[status]);
}

int transition(enum verb verb, const struct container_record *c, const json_t *state, struct err *e)
{
    enum status status = status_of(state);
    switch (table[verb][status]) {
    case YES:
        return 1;
    case ALREADY:
        return 0;
    default:
        return refuse(verb, status, c, e);
    }
}
