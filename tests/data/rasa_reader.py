"""Prints how Rasa reads the YAML files named on the command line, as JSON; to be run by Rasa's own Python."""

from __future__ import annotations

import json
import sys

from rasa.shared.nlu.training_data.loading import load_data


def read(path):
    data = load_data(path)
    return {
        "examples": [
            {
                "text": message.get("text"),
                "intent": message.get_full_intent(),
                "entities": message.get("entities") or [],
                "metadata": message.get("metadata"),
            }
            for message in data.training_examples
        ],
        "synonyms": data.entity_synonyms,
        "regexes": data.regex_features,
        "lookups": data.lookup_tables,
    }


json.dump([read(path) for path in sys.argv[1:]], sys.stdout)
