"""The only action of the test bot."""

from rasa_sdk import Action


class FindTrain(Action):
    def name(self):
        return "action_find_train"

    def run(self, dispatcher, tracker, domain):
        dispatcher.utter_message(text=f"{tracker.get_slot('from_city')}到{tracker.get_slot('to_city')}")
        return []
