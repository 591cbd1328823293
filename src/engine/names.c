#include "engine/names.h"

#include "base/str.h"

static const char *const adjectives[] = {
    "able",   "airy",    "amber",   "apt",    "bold",   "brave",  "breezy", "brisk",  "calm",
    "candid", "careful", "clear",   "clever", "cool",   "cosy",   "crisp",  "daring", "deft",
    "eager",  "early",   "easy",    "exact",  "fair",   "fast",   "fine",   "firm",   "fleet",
    "fluent", "fond",    "frank",   "free",   "fresh",  "gentle", "glad",   "golden", "grand",
    "green",  "happy",   "hardy",   "honest", "humble", "jolly",  "keen",   "kind",   "light",
    "lively", "lucid",   "lucky",   "mellow", "merry",  "mighty", "mild",   "modest", "neat",
    "nimble", "noble",   "patient", "placid", "plucky", "polite", "prompt", "proud",  "quick",
    "quiet",  "rapid",   "ready",   "robust", "rosy",   "salty",  "serene", "sharp",  "shiny",
    "silent", "simple",  "sleek",   "smart",  "smooth", "snug",   "sober",  "solid",  "spry",
    "stable", "steady",  "still",   "stout",  "sturdy", "sunny",  "swift",  "tender", "tidy",
    "trim",   "trusty",  "upbeat",  "vivid",  "warm",   "wise",
};

static const char *const nouns[] = {
    "anchor",   "ballast", "barge",   "bay",      "beacon",  "binnacle", "boom",     "bow",
    "breeze",   "brig",    "buoy",    "cabin",    "canoe",   "capstan",  "chart",    "cleat",
    "clipper",  "coast",   "compass", "coracle",  "cove",    "current",  "cutter",   "deck",
    "dinghy",   "dock",    "dory",    "ferry",    "fjord",   "galley",   "gig",      "gull",
    "halyard",  "harbour", "hatch",   "helm",     "hull",    "island",   "jetty",    "jib",
    "kayak",    "keel",    "ketch",   "knot",     "lagoon",  "lantern",  "launch",   "leeward",
    "lighter",  "log",     "lugger",  "mainsail", "mast",    "mooring",  "oar",      "otter",
    "paddle",   "pelican", "pier",    "pilot",    "pinnace", "plank",    "port",     "prow",
    "punt",     "quay",    "raft",    "reef",     "rigging", "rowlock",  "rudder",   "sail",
    "schooner", "sextant", "shoal",   "shore",    "sloop",   "sound",    "spar",     "spinnaker",
    "stern",    "strait",  "surf",    "swell",    "tern",    "tide",     "tiller",   "transom",
    "trawler",  "tug",     "voyage",  "wake",     "wave",    "wharf",    "windlass", "yawl",
};

char *name_from_number(uint64_t n, unsigned attempt)
{
    const char *adjective = adjectives[n % ARRAY_LEN(adjectives)];
    const char *noun = nouns[n / ARRAY_LEN(adjectives) % ARRAY_LEN(nouns)];
    if (attempt == 0)
        return str_printf("%s_%s", adjective, noun);
    return str_printf("%s_%s%u", adjective, noun, (unsigned)(n >> 40) % 1000);
}
